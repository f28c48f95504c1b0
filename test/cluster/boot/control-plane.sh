# shellcheck shell=bash
# etcd and the components that a managed cluster hides.

start_control_plane() {
  local pki=$home/pki
  # Nothing here must survive a crash, and fsync is most of etcd's time.
  start etcd etcd --data-dir "$home/etcd" --listen-client-urls http://127.0.0.1:2379 \
    --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync
  start kube-apiserver "$home/bin/kube-apiserver" --etcd-servers http://127.0.0.1:2379 \
    --bind-address 0.0.0.0 --advertise-address $node_ip --secure-port 6443 \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --client-ca-file "$pki/ca.crt" --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --service-cluster-ip-range $services --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$pki/service-account.key" --service-account-signing-key-file "$pki/service-account.key" \
    --kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key" \
    --kubelet-preferred-address-types InternalIP --allow-privileged \
    --requestheader-client-ca-file "$pki/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$pki/front-proxy.crt" --proxy-client-key-file "$pki/front-proxy.key"
  wait_for kube-apiserver 60 admin get --raw /readyz
  # shellcheck disable=SC2086 # flags are words
  start kube-controller-manager "$home/bin/kube-controller-manager" --kubeconfig "$home/controller-manager.kubeconfig" \
    --authentication-kubeconfig "$home/controller-manager.kubeconfig" \
    --authorization-kubeconfig "$home/controller-manager.kubeconfig" \
    --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/service-account.key" \
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
    --use-service-account-credentials --leader-elect=false ${CLUSTER_CONTROLLER_MANAGER_FLAGS:-}
  start kube-scheduler "$home/bin/kube-scheduler" --kubeconfig "$home/scheduler.kubeconfig" \
    --authentication-kubeconfig "$home/scheduler.kubeconfig" \
    --authorization-kubeconfig "$home/scheduler.kubeconfig" --leader-elect=false
  admin create clusterrolebinding kube-proxy --clusterrole=system:node-proxier --user=system:kube-proxy >/dev/null
}
