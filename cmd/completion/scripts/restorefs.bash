# Completion of restorefs for bash. All that is decided is decided by the program.
_restorefs() {
    local IFS=$'\n' answer=()
    mapfile -t answer < <(command restorefs __complete bash "$COMP_WORDBREAKS" \
        "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    case ${answer[0]-} in
        files) compopt -o default -o bashdefault ;;
        dirs) compopt -o dirnames ;;
    esac 2>/dev/null
    COMPREPLY=("${answer[@]:1}")
}
complete -F _restorefs restorefs
