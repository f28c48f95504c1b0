/**
 * Waits until its input ends, which it does when berth is gone, however it went, and then ends all processes whose
 * environment has the marker in `$1`. It is read without other programs, since images may have few; the shells' `read`
 * leaves out the zero bytes between variables. Where there is no /proc it ends the groups it was told of, by number.
 */
export const GUARD_SCRIPT = `
trap '' HUP INT TERM QUIT
groups=' '
while read -r word group; do
  case $word in
    begun) groups="$groups$group " ;;
    ended) case $groups in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
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

end_all() {
  found=
  if [ -r /proc/self/environ ]; then
    for folder in /proc/[0-9]*; do
      if marked 2>/dev/null <"$folder/environ"; then
        kill -s "$1" "\${folder#/proc/}" && found=1
      fi
    done
  else
    for group in $groups; do kill -s "$1" -- "-$group" && found=1; done
  fi
} 2>/dev/null

marker=$1
end_all TERM
sleep 2
for pass in 1 2 3 4 5; do
  end_all KILL
  [ -z "$found" ] && break
  sleep 1
done
`;
