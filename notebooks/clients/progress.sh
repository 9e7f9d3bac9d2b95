# Report what a shell script does to the progress hub. Source this file (bash or zsh), and then:
#
#   eval "$(progress-kit token --export)"      # or set PROGRESS_KIT_HUB_URL and PROGRESS_KIT_TOKEN yourself
#   progress_begin "Nightly backup" 120 files
#   for file in …; do copy "$file"; progress_step || break; done
#   progress_end succeeded                     # or: failed "disk full"
#
# `progress_step` reports at most once a second, and fails when somebody has asked the operation to stop.

_progress_text() { printf '%s' "$1" | tr '[:cntrl:]' ' ' | sed 's/[\\"]/\\&/g'; }

_progress_call() { # METHOD PATH BODY; the token goes through a pipe, so that no list of processes shows it
  printf 'header = "X-Progress-Kit-Token: %s"\n' "$PROGRESS_KIT_TOKEN" |
    curl --silent --max-time 5 --config - --request "$1" --data "$3" "${PROGRESS_KIT_HUB_URL%/}/api/$2" || true
}

_progress_put() { # STATE ERROR
  _progress_answer=$(_progress_call PUT "operations/$_progress_id" "{\"lease_s\":600,\"snapshot\":{
    \"name\":\"$_progress_name\",\"state\":\"$1\",\"actions\":[\"cancel\"],\"error\":${2:-null},
    \"origin\":{\"host\":\"$_progress_host\"},\"stages\":[{\"name\":\"main\",\"state\":\"$1\",
    \"done\":$_progress_done,\"total\":$_progress_total,\"unit\":\"$_progress_unit\"}]}}")
}

progress_begin() { # NAME [TOTAL [UNIT]]
  _progress_id="sh-$$-$RANDOM$RANDOM" _progress_done=0 _progress_last=$SECONDS
  _progress_host=$(_progress_text "$(uname -n)") _progress_name=$(_progress_text "$1")
  _progress_total=${2:-null} _progress_unit=$(_progress_text "${3:-}")
  _progress_put running
}

progress_step() { # [N]
  _progress_done=$((_progress_done + ${1:-1}))
  [ "$SECONDS" -gt "$_progress_last" ] || return 0
  _progress_last=$SECONDS
  _progress_put running
  case $_progress_answer in *'"action":"cancel"'*) ;; *) return 0 ;; esac
  _progress_request=${_progress_answer#*\"request\":\"}
  _progress_call POST "operations/$_progress_id/commands/${_progress_request%%\"*}" '{"ok":true}'
  return 1
}

progress_end() { # STATE [WHY]
  _progress_put "$1" "${2:+{\"type\":\"Error\",\"message\":\"$(_progress_text "$2")\"\}}"
}
