# shellcheck shell=bash
# Images from folders, and from buildah's store into containerd's.

export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}

make_pause_image() {
  local root; root=$(mktemp -d)
  gcc -static -Os -o "$root/pause" "$here/pause.c"
  image_from_root localhost/pause:1 "$root" /pause
  load_image localhost/pause:1
}

# What a Dockerfile's FROM can name where there is no registry: a node binary and the libraries it needs.
base_image() { # tag, node binary
  local root node library; root=$(mktemp -d); node=$(readlink -f "$2")
  mkdir -p "$root/usr/local/bin" "$root/etc" "$root/tmp"
  chmod 755 "$root"
  chmod 1777 "$root/tmp"
  cp "$node" "$root/usr/local/bin/node"
  ldd "$node" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
  printf 'root:x:0:0::/root:/sbin/nologin\nnode:x:1000:1000::/home/node:/sbin/nologin\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnode:x:1000:\n' >"$root/etc/group"
  image_from_root "$1" "$root" /usr/local/bin/node
}

image_from_root() { # tag, folder (removed afterwards), entrypoint
  local container
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$2" / >/dev/null
  buildah config --entrypoint "[\"$3\"]" --env PATH=/usr/local/bin:/usr/bin:/bin "$container"
  buildah commit --quiet --rm "$container" "$1" >/dev/null
  rm -rf "$2"
}

load_image() { # tag
  local archive=$home/image.tar
  rm -f "$archive"
  buildah push --quiet "$1" "docker-archive:$archive:$1"
  ctr --address "$containerd_socket" --namespace k8s.io images import "$archive" >/dev/null
  rm -f "$archive"
}
