# shellcheck shell=bash
# One network namespace for everything, so that nothing it routes or filters touches the machine.

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
  ip netns del "$netns" 2>/dev/null || true
  # Pods' namespaces have random names; other container engines use the same prefix, but not these addresses.
  for name in $(ip netns list | grep -o '^cni-[^ ]*'); do
    ip -n "$name" -4 -o addr 2>/dev/null | grep -q " inet ${pods%.0.0/16}\." && ip netns del "$name" 2>/dev/null
  done
  true
}
