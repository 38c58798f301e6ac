# Every command of the project. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test check unit e2e chaos attacks soak under-attack loki nightly bench bench-kyverno bench-largest bench-idle-check bench-instructions fuzz build cluster install down crd fmt deny docs clean

help: ## List every command
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

demo: ## Set everything up, and play the story: denied, deployed, claimed in a sheet, cleared, brought back (first time about 20 min, then 1)
	@tests/demo

test: ## Run every check and test, end to end on a real Kubernetes too (first time about 60 min, then 22)
	@tests/run all

check: ## Formatting, clippy, dependency rules, and what others' tools find in scripts, workflows and prose (1 min)
	@tests/run check

unit: ## Unit and property tests, and the fault table (4 min; first time 12)
	@tests/run unit

e2e: ## End-to-end tests on the real cluster; E2E=name runs those whose name contains it
	@tests/run e2e

chaos: ## Break hotdesk in every way under a hundred writes a second, and upgrade it from before (25 min the first time, then 15)
	@tests/before/images
	@tests/servers/get
	@CHAOS_LONG=yes tests/run chaos

soak: ## Two million reviews, and what is resident after them (5 min; first time 20)
	@bench/run soak

under-attack: ## Ordinary reviews while four of the largest are in flight: at most three times as slow (2 min; first time 20)
	@bench/run attack

loki: ## Ask a real Loki, and record its answers for the tests (8 min the first time)
	@tests/run loki

nightly: attacks chaos soak under-attack fuzz loki ## What is too long for every change

attacks: ## The attack table and the sweep over all kinds (2 min, on the installed cluster)
	@tests/run attacks

bench: ## Measure everything beside the peers and the limit, and write docs/performance.md (40 min; first time 55)
	@bench/run

bench-kyverno: ## The same with Kyverno, which is built first (10 min more)
	@bench/run --kyverno

bench-largest: ## 100,000 Slots with 200 claimants each: takes 14 GiB and 8 min
	@bench/run growth-largest

bench-idle-check: ## What the check of an idle slot costs, beside the pipeline that it replaces (3 min)
	@bench/idle-check

bench-instructions: ## Count the instructions of an answer, and compare them with what they were (1 min)
	@bench/instructions

fuzz: ## Ten million made-up reviews, each answer checked against rules of its own (about 20 min; first time 10 more)
	@tests/fuzz

build: ## Build all programs for release
	cargo build --release --locked

cluster: ## Start the test cluster and print its KUBECONFIG (first time about 9 min, then seconds)
	@tests/cluster/up

install: cluster ## Build the images and install both charts into the test cluster
	@tests/cluster/images
	@tests/install

down: ## Stop the test cluster and remove what it made; the cache stays
	@tests/cluster/down

crd: ## Write the Slot's CustomResourceDefinition into the chart
	cargo run --quiet --locked -p hotdesk-slots --example crd > target/crd-slots.yaml
	mv target/crd-slots.yaml charts/hotdesk/templates/crd-slots.yaml

docs: ## Write the pages of docs/reference that are made of code and charts
	docs/reference/generate

fmt: ## Format the code
	cargo fmt --all

deny: ## Licences, advisories and banned crates (needs: cargo install cargo-deny)
	cargo deny check

clean: ## Remove what cargo built
	cargo clean
