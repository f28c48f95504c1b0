/**
 * Waits until its input ends, which it does when berth is gone, however it went, and then ends all processes whose
 * environment has the marker in `$1`, and all in the sessions of the children it was told of, since some programs clear
 * or write over their environment. It is read without other programs, since images may have few; the shells' `read`
 * leaves out the zero bytes between variables.
 *
 * A session's number is given to nobody else while a process is in it. So a session is a child's if it has a process that
 * is known to be the child's: its leader, told of as `pid.started` (clock ticks from boot), or any that was seen in it
 * before. One whose leader has gone is, at the first look, still what it was when berth told of it a moment ago: the kernel
 * gives numbers in turn. Where there is no /proc the groups of the leaders are ended by number.
 */
export const GUARD_SCRIPT = `
trap '' HUP INT TERM QUIT
known=' '
while read -r word leader; do
  case $word in
    begun) known="$known$leader " ;;
    ended) case $known in *" $leader "*) known="\${known%% $leader *} \${known#* $leader }" ;; esac ;;
    done) exit 0 ;;
  esac
done

marked() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *"$marker"*) return 0 ;; esac
    line=
  done
  return 1
}

look() {
  last=
  while IFS= read -r line || [ -n "$line" ]; do last=$line line=; done
  [ -n "$last" ] || return 1
  set -- \${last##*) }
  state=$1 session=$4 started=\${20}
}

end_all() {
  found=
  if [ -r /proc/self/environ ]; then
    sessions=' '
    others=
    for folder in /proc/[0-9]*; do
      pid=\${folder#/proc/}
      look 2>/dev/null <"$folder/stat" || continue
      case $known in *" $pid.$started "*) sessions="$sessions$session " ;; esac
      case $state in [ZX]) continue ;; esac
      if marked 2>/dev/null <"$folder/environ"; then
        kill -s "$1" "$pid" && found=1
      else
        others="$others $session.$pid.$started"
      fi
    done
    for other in $others; do
      session=\${other%%.*}
      process=\${other#*.}
      if [ -n "$first" ]; then
        case $known in *" $session."*) [ -d "/proc/$session" ] || sessions="$sessions$session " ;; esac
      fi
      case $sessions in *" $session "*)
        known="$known$process "
        kill -s "$1" "\${process%.*}" && found=1
      esac
    done
  else
    for leader in $known; do kill -s "$1" -- "-\${leader%.*}" && found=1; done
  fi
  first=
} 2>/dev/null

marker=$1
first=1
end_all TERM
sleep 2
for pass in 1 2 3 4 5; do
  end_all KILL
  [ -z "$found" ] && break
  sleep 1
done
`;
