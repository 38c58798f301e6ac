# shellcheck shell=bash
# How is an image built without an engine or a registry, kept, and brought into the cluster?
# Sourced; needs common.sh and node.sh.

IMAGE_CACHE=$CACHE/images

# No layer needs a running container, so the plain file storage and no isolation will do.
run_buildah() {
  BUILDAH_ISOLATION=chroot buildah --root "$IMAGE_CACHE/storage" --runroot "$CLUSTER_HOME/buildah" --storage-driver vfs "$@" 9>&-
}

# digest_of FILE…: of the content and the names below a directory; sixteen digits are plenty for a cache.
digest_of() {
  local path
  for path in "$@"; do
    if [ -d "$path" ]; then
      (cd "$path" && find . -type l -printf '%p -> %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 -r sha256sum)
    else
      sha256sum <"$path"
    fi
  done | sha256sum | cut -c1-16
}

archive_of() { echo "$IMAGE_CACHE/${1//[\/:]/_}-$2.tar"; }

# build_image NAME DIGEST DOCKERFILE CONTEXT [OPTION…]: an archive of the image, unless the cache has that one.
build_image() {
  local name=$1 digest=$2 dockerfile=$3 context=$4 archive log=$LOGS/buildah.log
  shift 4
  archive=$(archive_of "$name" "$digest")
  [ ! -e "$archive" ] || return 0
  mkdir -p "$IMAGE_CACHE" "$LOGS"
  # The former content of the same name has no further use.
  rm -f "$IMAGE_CACHE/${name//[\/:]/_}"-*.tar
  {
    run_buildah build --pull-never --layers=false --timestamp 0 --tag "$name" -f "$dockerfile" "$@" "$context" &&
      run_buildah push "$name" "docker-archive:$archive.part:$name"
  } >"$log" 2>&1 </dev/null || {
    tail -n 10 "$log" >&2
    die "building $name failed (log: $log)"
  }
  mv "$archive.part" "$archive"
}

# import_image NAME DIGEST: into our own containerd, unless it has that content already.
import_image() {
  local mark=$STATE/images/${1//[\/:]/_}
  [ "$(cat "$mark" 2>/dev/null)" != "$2" ] || return 0
  ctr_images images import "$(archive_of "$1" "$2")" >"$LOGS/import.log" 2>&1 ||
    die "importing $1 failed (log: $LOGS/import.log)"
  mkdir -p "$STATE/images"
  echo "$2" >"$mark"
}

# Every pod's first container: it holds the pod's namespaces and reaps what others leave.
import_pause_image() {
  local digest context=$IMAGE_CACHE/pause
  digest=$(digest_of "$HERE/images.d/pause")
  if [ ! -e "$(archive_of "$PAUSE_IMAGE" "$digest")" ]; then
    mkdir -p "$context"
    cc -Os -static -o "$context/pause" "$HERE/images.d/pause/pause.c" || die "compiling images.d/pause/pause.c failed (is libc6-dev installed?)"
  fi
  build_image "$PAUSE_IMAGE" "$digest" "$HERE/images.d/pause/Dockerfile" "$context"
  import_image "$PAUSE_IMAGE" "$digest"
}
