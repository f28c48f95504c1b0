# shellcheck shell=bash
# Two certificate authorities, a certificate for every component, and a kubeconfig for each that calls the API server.

make_credentials() {
  mkdir -p "$home/pki"
  cd "$home/pki"
  for ca in ca front-proxy-ca; do
    openssl req -x509 -newkey rsa:2048 -nodes -keyout $ca.key -out $ca.crt -days 30 -subj "/CN=$ca" 2>/dev/null
  done
  openssl genrsa -out service-account.key 2048 2>/dev/null
  certificate apiserver /CN=kube-apiserver ca serverAuth \
    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:$node_ip,IP:$api_service_ip"
  certificate apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet ca clientAuth
  certificate front-proxy /CN=front-proxy-client front-proxy-ca clientAuth
  certificate admin /O=system:masters/CN=admin ca clientAuth
  certificate controller-manager /CN=system:kube-controller-manager ca clientAuth
  certificate scheduler /CN=system:kube-scheduler ca clientAuth
  certificate kube-proxy /CN=system:kube-proxy ca clientAuth
  certificate coredns /O=system:masters/CN=coredns ca clientAuth
  certificate node /O=system:nodes/CN=system:node:node-1 ca clientAuth,serverAuth "DNS:node-1,IP:$node_ip"
  for user in admin controller-manager scheduler kube-proxy coredns node; do kubeconfig $user; done
}

certificate() { # name, subject, authority, usage, extra names
  openssl req -new -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 30 -out "$1.crt" \
    -extfile <(echo "extendedKeyUsage=$4"; [ -z "${5:-}" ] || echo "subjectAltName=$5") 2>/dev/null
}

kubeconfig() { # user
  cat >"$home/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: cluster
clusters: [{name: cluster, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: user, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: cluster, context: {cluster: cluster, user: user}}]
YAML
}
