# The images of hotdesk's programs, of which PROGRAM names one: webhook, controller, certs, sync or reap.
#
#   docker build --build-arg PROGRAM=webhook -t hotdesk/webhook .
#   docker build --build-arg PROGRAM=reap --target with-helm -t hotdesk/reaper .
#   docker build --build-arg PROGRAM=webhook --target prebuilt -f Dockerfile DIRECTORY     with DIRECTORY/hotdesk-webhook
#
# The stages for programs that were built outside come first: a builder that does not skip stages which it does not
# need stops at the target, and so pulls no compiler.
ARG PROGRAM=webhook
ARG BASE=gcr.io/distroless/cc-debian12:nonroot
ARG RUST=docker.io/library/rust:1.95.0-bookworm
ARG GO=docker.io/library/golang:1.26-bookworm

FROM ${BASE} AS nonroot
USER 65532:65532

# An entry point that needs no shell cannot take its name from a variable.
FROM nonroot AS webhook
ENTRYPOINT ["/usr/local/bin/hotdesk-webhook"]
FROM nonroot AS controller
ENTRYPOINT ["/usr/local/bin/hotdesk-controller"]
FROM nonroot AS certs
ENTRYPOINT ["/usr/local/bin/hotdesk-certs"]
FROM nonroot AS sync
ENTRYPOINT ["/usr/local/bin/hotdesk-sync"]
FROM nonroot AS reap
ENTRYPOINT ["/usr/local/bin/hotdesk-reap"]

FROM ${PROGRAM} AS prebuilt
COPY . /usr/local/bin/

FROM ${RUST} AS build
ARG PROGRAM
WORKDIR /src
COPY . .
# The image's own toolchain is the one that rust-toolchain.toml names, without the parts that only checks need.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    RUSTUP_TOOLCHAIN=$RUST_VERSION cargo build --release --locked --package "hotdesk-$PROGRAM" && \
    mkdir /out && cp "target/release/hotdesk-$PROGRAM" /out/

# helm, which removes the releases: from its Go module, at the version that the tests use; go.sum holds the checksums.
FROM ${GO} AS helm
WORKDIR /src
COPY tests/cluster/tools/go.mod tests/cluster/tools/go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -o /helm \
    -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$(go list -m -f '{{.Version}}' helm.sh/helm/v4)" \
    helm.sh/helm/v4/cmd/helm

FROM ${PROGRAM} AS with-helm
COPY --from=build /out/ /usr/local/bin/
COPY --from=helm /helm /usr/local/bin/

FROM ${PROGRAM}
COPY --from=build /out/ /usr/local/bin/
