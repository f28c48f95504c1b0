# shellcheck shell=bash
# The one node: containerd, kubelet, kube-proxy, and CoreDNS beside them rather than as a pod.

start_node() {
  make_node_files
  make_corefile
  start containerd containerd --config "$home/containerd.toml"
  wait_for containerd 30 ctr --address "$containerd_socket" version
  make_pause_image
  start kube-proxy "$home/bin/kube-proxy" --kubeconfig "$home/kube-proxy.kubeconfig" --hostname-override node-1 \
    --cluster-cidr $pods --proxy-mode iptables --conntrack-max-per-core 0 --iptables-min-sync-period 1s
  start kubelet "$home/bin/kubelet" --config "$home/kubelet.yaml" --kubeconfig "$home/node.kubeconfig" \
    --hostname-override node-1 --node-ip $node_ip --root-dir "$home/kubelet" --cert-dir "$home/kubelet/pki"
  start coredns "$home/bin/coredns" -conf "$home/Corefile"
  wait_for "the node" 90 node_is_ready
  # Pods cannot be made before this one is there, and a controller makes it a moment after the namespace.
  wait_for "the default ServiceAccount" 30 admin get serviceaccount default
}

node_is_ready() { admin get node node-1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' | grep -q True; }

make_node_files() {
  local pki=$home/pki
  mkdir -p "$home/cni"
  cat >"$home/cni/10-bridge.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "$netns", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$home/ipam", "ranges": [[{"subnet": "$pods"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  cat >"$home/containerd.toml" <<TOML
version = 2
root = "$home/containerd"
state = "$home/containerd-run"
[grpc]
  address = "$containerd_socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$home/cni"
TOML
  cat >"$home/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/node.crt
tlsPrivateKeyFile: $pki/node.key
cgroupDriver: cgroupfs
cgroupRoot: $(make_cgroups)
containerRuntimeEndpoint: unix://$containerd_socket
podLogsDir: $home/pod-logs
volumePluginDir: $home/volume-plugins
clusterDNS: [$node_ip]
clusterDomain: cluster.local
resolvConf: $home/resolv.conf
failSwapOn: false
enforceNodeAllocatable: []
localStorageCapacityIsolation: false
evictionHard: {memory.available: 200Mi, nodefs.available: "1%", imagefs.available: "1%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 250
serializeImagePulls: false
YAML
  echo "nameserver $node_ip" >"$home/resolv.conf"
}

make_corefile() {
  cat >"$home/Corefile" <<COREFILE
.:53 {
    bind $node_ip
    errors
    ${CLUSTER_DNS_CACHE:+cache $CLUSTER_DNS_CACHE}
    kubernetes cluster.local {
        kubeconfig $home/coredns.kubeconfig
        pods insecure
        ttl ${CLUSTER_DNS_CACHE:-5}
    }
}
COREFILE
}

# A branch of our own, so that what a cut run left can be told from another kubelet's. Prints its name.
# All pods together would weigh as much as any one process beside them, and starve on a machine that is busy.
make_cgroups() {
  local root
  for root in $(cgroup_roots); do
    mkdir -p "$root/$netns" 2>/dev/null || true
    [ ! -w "$root/$netns/cpu.shares" ] || echo 16384 >"$root/$netns/cpu.shares"
    [ ! -w "$root/$netns/cpu.weight" ] || echo 1600 >"$root/$netns/cpu.weight"
  done
  echo "/$netns"
}

remove_cgroups() {
  local root
  for root in $(cgroup_roots); do
    [ ! -d "$root/$netns" ] || find "$root/$netns" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

# Version 2 is one tree, version 1 one for every controller.
cgroup_roots() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts; }
