#compdef restorefs
# Completion of restorefs for zsh. All that is decided is decided by the program.
_restorefs() {
    local -a answer names shown
    local line
    answer=("${(@f)$(command restorefs __complete zsh \
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    for line in "${(@)answer[2,-1]}"; do
        [[ -n $line ]] || continue
        names+=("${line%%$'\t'*}")
        shown+=("${line/$'\t'/  -- }")
    done
    (( $#names )) && compadd -l -d shown -a -- names
    case $answer[1] in
        files) compset -P '--*='; _files ;;
        dirs) compset -P '--*='; _files -/ ;;
    esac
}
if [[ $funcstack[1] == _restorefs ]]; then
    _restorefs "$@"
else
    compdef _restorefs restorefs
fi
