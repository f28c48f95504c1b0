# shellcheck shell=bash
# The programs: Debian packages, and Kubernetes and CoreDNS from their Go modules.

install_packages() {
  local missing=()
  for pair in etcd:etcd-server containerd:containerd runc:runc buildah:buildah iptables:iptables ipset:ipset \
              conntrack:conntrack ip:iproute2 openssl:openssl gcc:gcc nsenter:util-linux ps:procps; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
  [ -x /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || die "needs ${missing[*]}"
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build() {
  mkdir -p "$cache"
  local stamp=k8s.io/component-base/version
  build_program kube "$kube_version" "about 6 minutes on two cores, once" \
    "-s -w -X $stamp.gitVersion=v$kube_version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$(cut -d. -f2 <<<"$kube_version")"
  build_program coredns "$coredns_version" "about a minute, once" "-s -w"
}

build_program() { # name, version, how long, linker flags
  local program=$cache/$1-$2 part
  [ ! -x "$program" ] || return 0
  say "building $1 $2 ($3)"
  # Named last, whole: a build that is cut leaves nothing that looks finished.
  part=$(mktemp "$program.XXXXXX")
  (cd "$here/$1" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -o "$part" -ldflags "$4" .) || { rm -f "$part"; die "could not build $1"; }
  chmod 755 "$part"
  mv "$part" "$program"
}

# All components of Kubernetes are one program that goes by the name it is called.
link_binaries() {
  mkdir -p "$home/bin"
  ln -sf "$cache/coredns-$coredns_version" "$home/bin/coredns"
  for component in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet; do
    ln -sf "$cache/kube-$kube_version" "$home/bin/$component"
  done
}
