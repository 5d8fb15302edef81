package serve

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// newRegistry returns a registry with the metrics of the process, to which newMeter and
// newCollector add theirs.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// collector makes metrics of the Status of a mount when they are collected.
type collector struct {
	status func() Status
	table  []metric
	build  prometheus.Metric
}

// metric is a numeric field of Status with a metric tag.
type metric struct {
	field  []int // for reflect.Value.FieldByIndexErr
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []string // values only
}

func newCollector(version string, status func() Status) *collector {
	build := prometheus.NewDesc("restorefs_build_info", "1, with the version.",
		[]string{"version"}, nil)
	return &collector{status: status, table: metricsOf(reflect.TypeFor[Status](), nil),
		build: prometheus.MustNewConstMetric(build, prometheus.GaugeValue, 1, version)}
}

// metricsOf finds the metrics among the fields of a struct and of the structs in it.
func metricsOf(t reflect.Type, above []int) (table []metric) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(append([]int{}, above...), i)
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		name, label, labelled := strings.Cut(strings.TrimSuffix(f.Tag.Get("metric"), "}"), "{")
		switch {
		case name != "":
			m := metric{field: at, kind: prometheus.GaugeValue}
			if strings.HasSuffix(name, "_total") {
				m.kind = prometheus.CounterValue
			}
			var names []string
			if labelled {
				name, value, _ := strings.Cut(label, "=")
				names, m.labels = []string{name}, []string{value}
			}
			m.desc = prometheus.NewDesc("restorefs_"+name, helpOf(name), names, nil)
			table = append(table, m)
		case f.IsExported() && inner.Kind() == reflect.Struct:
			table = append(table, metricsOf(inner, at)...)
		}
	}
	return table
}

// Describe implements prometheus.Collector. It sends no descriptions, which makes the collector
// unchecked: metrics of the disk cache exist only if there is one.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	out <- c.build
	status := reflect.ValueOf(c.status())
	for _, m := range c.table {
		field, err := status.FieldByIndexErr(m.field)
		if err != nil {
			continue // in a part of Status that is nil
		}
		v, err := number(field)
		if err != nil {
			out <- prometheus.NewInvalidMetric(m.desc, err)
			continue
		}
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, v, m.labels...)
	}
}

func number(v reflect.Value) (float64, error) {
	switch {
	case v.CanInt():
		return float64(v.Int()), nil
	case v.CanUint():
		return float64(v.Uint()), nil
	case v.CanFloat():
		return v.Float(), nil
	case v.Kind() == reflect.Bool && v.Bool():
		return 1, nil
	case v.Kind() == reflect.Bool:
		return 0, nil
	}
	return 0, fmt.Errorf("a %s is no number", v.Type())
}
