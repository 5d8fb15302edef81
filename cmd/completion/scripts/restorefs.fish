# Completion of restorefs for fish. All that is decided is decided by the program.
function __restorefs_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (command restorefs __complete fish $words[2..-1] "$current" 2>/dev/null)
    for line in $answer[2..-1]
        printf '%s\n' $line
    end
    switch "$answer[1]"
        case files
            __fish_complete_path "$current"
        case dirs
            __fish_complete_directories "$current" ""
    end
end
complete -c restorefs -f -a '(__restorefs_complete)'
