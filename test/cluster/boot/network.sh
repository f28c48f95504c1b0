# shellcheck shell=bash
# One network namespace for everything, so that nothing it routes or filters touches the machine.

cni_results=/var/lib/cni/results

make_network() {
  ip netns add "$netns"
  inside ip link set lo up
  # A default route is all that kubelet and kube-proxy ask for; it leads to the other end of a pair, which drops.
  inside ip link add uplink type veth peer name uplink-end
  inside ip link set uplink-end up
  inside ip addr add $node_ip/24 dev uplink
  # Session affinity goes by the client's address: a test that wants several clients needs several.
  for address in $client_ips; do inside ip addr add "$address/24" dev uplink; done
  inside ip link set uplink up
  inside ip route add default dev uplink
  inside sysctl -qw net.ipv4.ip_forward=1
}

remove_network() {
  local name
  for name in $(pod_namespaces); do
    ip netns del "$name" 2>/dev/null || true
    grep -ls "$name" "$cni_results"/* | xargs -r rm -f
  done
  ip netns del "$netns" 2>/dev/null || true
}

# Pods' namespaces have random names that begin like those of any other container engine. Which are ours stands in what
# containerd wrote for their shims, and in what the network plugin remembers of this network.
pod_namespaces() {
  { cat "$home"/containerd-run/*/k8s.io/*/config.json "$cni_results/$netns"-* 2>/dev/null || true; } |
    grep -oE 'cni-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' | sort -u
}
