# shellcheck shell=bash
# Starting components in the cluster's network namespace, and ending them for certain.

inside() { nsenter --net="/run/netns/$netns" "$@"; }

start() { # name, command…
  local name=$1; shift
  printf '%q ' "$@" >"$home/run/$name.command"
  # A session of its own: Ctrl-C at a terminal must leave the order of ending to `down`.
  (exec setsid nsenter --net="/run/netns/$netns" "$@" >"$home/logs/$name.log" 2>&1 </dev/null) &
  echo $! >"$home/run/$name.pid"
  # Else bash reports on the terminal how each one ended.
  disown
}

stop() { # name
  local file=$home/run/$1.pid pid
  [ -f "$file" ] || return 0
  pid=$(cat "$file")
  # Every component has the cluster's folder on its command line: a number that was given to another process since is left alone.
  if ours "$pid"; then
    kill "$pid" 2>/dev/null || true
    for ((i = 0; i < 50; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    ! ours "$pid" || kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$file"
}

ours() { { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null | grep -qF "$home"; }

end_components() {
  local file pid
  for file in "$home"/run/*.pid; do
    [ -f "$file" ] || continue
    pid=$(cat "$file")
    ! ours "$pid" || kill -9 "$pid" 2>/dev/null || true
  done
}

restart() { # component
  local command=$home/run/$1.command
  [ -f "$command" ] || die "no such component: $1 (have: $(cd "$home/run" && echo *.command | sed 's/\.command//g'))"
  stop "$1"
  eval "start $1 $(cat "$command")"
}

wait_for() { # what, seconds, command…
  local what=$1 end=$((SECONDS + $2)); shift 2
  # By the clock: some of the commands wait for ten seconds themselves.
  while ((SECONDS < end)); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  die "$what did not come up in time; see $home/logs"
}

# A container lives under its shim, not under containerd, and so outlives a containerd that was killed.
end_containers() {
  local shim child
  for shim in $(shims); do
    for child in $(children "$shim"); do kill -9 "$child" 2>/dev/null || true; done
  done
  for ((i = 0; i < 20; i++)); do [ -n "$(shim_children)" ] || break; sleep 0.1; done
  for shim in $(shims); do kill -9 "$shim" 2>/dev/null || true; done
}

shims() { ps -eo pid=,args= | awk -v socket="$containerd_socket" '/containerd-shim/ && index($0, "-address " socket) {print $1}'; }
children() { ps -o pid= --ppid "$1" || true; }
shim_children() { for shim in $(shims); do children "$shim"; done; }

# Whatever else runs inside: a client of a test that was cut, for instance.
end_namespace() {
  [ -e "/run/netns/$netns" ] || return 0
  ip netns pids "$netns" 2>/dev/null | xargs -r -n1 kill -9 2>/dev/null || true
}
