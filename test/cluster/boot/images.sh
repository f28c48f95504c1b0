# shellcheck shell=bash
# Images from folders, and from buildah's store into containerd's.

export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}

make_pause_image() {
  local root; root=$(mktemp -d)
  gcc -static -Os -o "$root/pause" "$here/pause.c"
  image_from_root localhost/pause:1 "$root" /pause
  load_image localhost/pause:1
}

# What a Dockerfile's FROM can name where there is no registry: a node binary and the libraries it needs, and other
# programs where they are here.
base_image() { # tag, node binary, programs…
  local tag=$1 root node program; root=$(base_root); node=$(readlink -f "$2"); shift 2
  cp "$node" "$root/usr/local/bin/node"
  for program in "$@"; do
    mkdir -p "$root$(dirname "$program")"
    cp -L "$program" "$root$program"
  done
  copy_libraries "$root" "$node" "$@"
  image_from_root "$tag" "$root" /usr/local/bin/node
}

# The same for Python, with its standard library and nothing that was installed beside it.
python_image() { # tag, python
  local root python stdlib target library
  root=$(base_root)
  python=$("$2" -c 'import os, sys; print(os.path.realpath(sys.executable))')
  stdlib=$("$2" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
  target=$root/usr/local/lib/$(basename "$stdlib")
  mkdir -p "$target"
  cp "$python" "$root/usr/local/bin/python"
  tar -C "$stdlib" --exclude=./site-packages --exclude=./dist-packages --exclude=./test --exclude=./idlelib \
    --exclude=./ensurepip --exclude='./config-*' -cf - . | tar -C "$target" -xf -
  copy_libraries "$root" "$python" "$stdlib"/lib-dynload/*.so
  # What compiled packages may need and any image of a distribution has.
  for library in libgcc_s.so.1 libstdc++.so.6 librt.so.1 libpthread.so.0 libdl.so.2 libutil.so.1; do
    copy_library "$root" "$(gcc -print-file-name=$library)"
  done
  image_from_root "$1" "$root"
}

base_root() {
  local root; root=$(mktemp -d)
  mkdir -p "$root/usr/local/bin" "$root/etc" "$root/tmp"
  chmod 755 "$root"
  chmod 1777 "$root/tmp"
  printf 'root:x:0:0::/root:/sbin/nologin\nnode:x:1000:1000::/home/node:/sbin/nologin\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnode:x:1000:\n' >"$root/etc/group"
  echo "$root"
}

copy_libraries() { # folder, programs and libraries…
  local root=$1 library; shift
  ldd "$@" 2>/dev/null | grep -o '[[:space:]]/[^ ]*[^ :]' | sort -u | while read -r library; do copy_library "$root" "$library"; done
}

# To where it is here, which is where the linker looks for it.
copy_library() { # folder, library
  local library; library=$(realpath -s "$2")
  mkdir -p "$1$(dirname "$library")"
  cp -L "$library" "$1$library"
}

image_from_root() { # tag, folder (removed afterwards), entrypoint if it is to have one
  local container
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$2" / >/dev/null
  buildah config ${3:+--entrypoint "[\"$3\"]"} --env PATH=/usr/local/bin:/usr/bin:/bin "$container"
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
