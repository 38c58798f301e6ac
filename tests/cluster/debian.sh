# shellcheck shell=bash
# How does a root file system for an image come from Debian packages, without a registry?
# Sourced; needs common.sh and image-store.sh.
#
# The packages are those of the host's own release, so a binary that was linked here finds its libraries.

PACKAGES=$IMAGE_CACHE/packages

# with_libraries PACKAGE…: these and, recursively, the libraries they depend on; one per line.
with_libraries() {
  local queue=("$@") name seen=' '
  while [ "${#queue[@]}" -gt 0 ]; do
    name=${queue[0]}
    queue=("${queue[@]:1}")
    [[ $seen != *" $name "* ]] || continue
    seen+="$name "
    mapfile -t -O "${#queue[@]}" queue < <(apt-cache depends --no-recommends --no-suggests --no-conflicts \
      --no-breaks --no-replaces --no-enhances "$name" | sed -nE 's/^ *Depends: ((lib|zlib).*)/\1/p')
  done
  tr ' ' '\n' <<<"$seen" | sed '/^$/d' | sort
}

# package_versions PACKAGE…: what `unpack` would fetch; an image is made again when this changes.
package_versions() { apt-cache policy "$@" | awk '/^[^ ]/ { name = $1 } /Candidate:/ { print name $2 }'; }

# asked_once COMMAND…: its answer, remembered until apt's lists change; apt-cache may take a second each time.
asked_once() {
  local answer
  answer=$PACKAGES/$(printf '%s ' "$@" "$(stat -c %Y /var/lib/apt/lists)" | sha256sum | cut -c1-16)
  if [ ! -s "$answer" ]; then
    mkdir -p "$PACKAGES"
    "$@" >"$answer"
  fi
  cat "$answer"
}

# unpack DIRECTORY PACKAGE…: without running a package's scripts. Directories that are links stay links, for
# /lib is one to /usr/lib, and older packages still bring files below /lib.
unpack() {
  local target=$1 archive directory
  shift
  mkdir -p "$PACKAGES" "$target"/usr/{bin,sbin,lib,lib64}
  for directory in bin sbin lib lib64; do ln -sfn "usr/$directory" "$target/$directory"; done
  directory=$(mktemp -d -p "$PACKAGES")
  (cd "$directory" && apt-get -o APT::Sandbox::User=root download "$@") >"$LOGS/apt.log" 2>&1 </dev/null ||
    { apt-get update && (cd "$directory" && apt-get -o APT::Sandbox::User=root download "$@"); } >"$LOGS/apt.log" 2>&1 </dev/null ||
    die "cannot fetch the Debian packages $* (log: $LOGS/apt.log)"
  for archive in "$directory"/*.deb; do
    dpkg-deb --fsys-tarfile "$archive" | tar -x --keep-directory-symlink -C "$target"
  done
  rm -rf "$directory" "$target"/usr/share/{doc,man,locale,lintian,bug,info} "$target"/usr/lib/*/gconv
}
