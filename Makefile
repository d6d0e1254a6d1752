# What people do with this repository. `make demo` and `make test` are the two to begin with.

DEMO = target/demo

.PHONY: demo validate-camera-service fault-matrix netbox-fault-matrix fabric-fault-matrix test lint bench fabric-figures bounds soak fuzz fuzz-check docs dist advisories tools test-mediamtx test-fabric test-release test-static test-all

# A verdict about this very machine, with the report's and the bundle's path. A verdict is no error of the demo. Built without optimization: it is there in
# a third of the time, and judges as well.
demo:
	cargo build -p probity
	@mkdir -p $(DEMO)
	@bundle=$(DEMO)/this-machine-$$(date -u +%Y%m%d-%H%M%S).probity; \
	target/debug/probity run plans/this-machine.yaml -o $$bundle; status=$$?; \
	if [ $$status -gt 2 ]; then exit $$status; fi; \
	echo; echo "$$ probity verify $$bundle"; \
	target/debug/probity verify $$bundle

# A verdict about the camera service as it is installed on a clean Debian, which is booted for that and taken away again. Needs root.
# docs/camera-service/validation.md says what is looked at. As above, a verdict is no error.
validate-camera-service:
	cargo build --release -p probity -p camera-service
	@scripts/validate-camera-service; status=$$?; if [ $$status -gt 2 ]; then exit $$status; fi

# The faults of plans/camera-service/faults, one at a time: the right claim turns, and none is accepted. As many as there is time for in 45 minutes, first
# those that were judged longest ago (all of them: `scripts/fault-matrix`, some hours); writes docs/camera-service/fault-matrix.md.
fault-matrix:
	cargo build --release -p probity -p camera-service
	scripts/fault-matrix --within 45

# The periodic sync of a real NetBox judged by each tier of sight, and with each fault of lab/netbox/faults.py. Writes docs/netbox-fault-matrix.md. The
# machine's image is made once (about 8 minutes). Needs root.
netbox-fault-matrix:
	cargo build --release -p probity
	lab/machine base netbox
	scripts/netbox-fault-matrix

# The fabric sync between a real Kubernetes API and a real NetBox judged, sound and with each fault of lab/fabric-sync/faults.py. Writes
# docs/fabric-sync/fault-matrix.md. What it needs is built once (about 20 minutes of one processor).
fabric-fault-matrix:
	cargo build --release -p probity -p fabric-sync
	scripts/debian-tools
	lab/kubernetes/build
	lab/netbox/build
	scripts/fabric-fault-matrix

# Debian's nginx, Redis, PostgreSQL, Podman, Chromium, ..., and the base of machines to boot, below target/: nothing is installed.
tools:
	scripts/debian-tools
	lab/machine base host

test: tools
	PATH="$(CURDIR)/target/debian/run:$$PATH" scripts/test

# The camera service's engine `mediamtx` with real servers, which Go builds below target/. Without one, its tests say that
# they were skipped.
test-mediamtx:
	scripts/mediamtx
	set -e; export PATH="$(CURDIR)/target/debian/run:$$PATH"; \
	for program in $(CURDIR)/target/mediamtx/*/mediamtx; do \
	  echo "With $$program:"; export MEDIAMTX=$$program; \
	  cargo test --workspace --test mediamtx -- --nocapture; \
	done

# The fabric sync with a real kube-apiserver, etcd and NetBox, which are built below target/lab/ once (about 20 minutes of one processor).
# Without them its tests say that they were skipped. `make test-fabric ONLY=NAME` runs the tests whose name has NAME in it, `NETBOX_VERSION=4.7.0` with
# another NetBox.
test-fabric: tools
	lab/kubernetes/build
	lab/netbox/build
	FABRIC_LAB=$(CURDIR)/lab PATH="$(CURDIR)/target/debian/run:$$PATH" cargo test --workspace --test real -- --nocapture --test-threads 1 $(ONLY)

# The tests that look inside a booted machine, with another release of Debian than this system's: trixie has systemd 257. The base of
# such machines is made once (about 3 minutes).
RELEASE = trixie
test-release: tools
	lab/machine base $(RELEASE)
	LAB_RELEASE=$(RELEASE) PATH="$(CURDIR)/target/debian/run:$$PATH" cargo test --workspace --test service --test lifecycle --test log --test firewall --test package --test observers -- --nocapture

# The static build, looking from within a container in which there is nothing but itself and BusyBox; built first (about 4 minutes). Needs rustup.
STATIC = x86_64-unknown-linux-musl
test-static: tools
	rustup target add $(STATIC)
	CC_$(subst -,_,$(STATIC))=gcc CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld cargo build -p probity --target $(STATIC)
	STATIC_PROBITY=$(CURDIR)/target/$(STATIC)/debug/probity PATH="$(CURDIR)/target/debian/run:$$PATH" \
	  cargo test --workspace --test observers_engines -- --ignored --nocapture

# Everything: also what .ci/run leaves out because it takes long.
test-all: test test-release test-static test-mediamtx test-fabric validate-camera-service fault-matrix netbox-fault-matrix fabric-fault-matrix

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --quiet
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
	cargo deny --log-level error check bans licenses sources

# Known vulnerabilities; needs the network.
advisories:
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
	cargo deny check advisories

bench:
	bench/run

# The fabric sync's figures with a real Kubernetes API and a real NetBox of 11,000 objects; writes docs/fabric-sync/figures.md. The first time NetBox is
# filled, which takes longer than all the rest.
fabric-figures: tools
	cargo build --release -p fabric-sync
	lab/kubernetes/build
	lab/netbox/build
	PYTHONDONTWRITEBYTECODE=1 bench/fabric.py

# What the camera service's clients may cost at most, attacked: memory and places, as in docs/camera-service/security.md; its rows begin
# with `|`.
# `CAMERA_SERVICE=PROGRAM` attacks another build of it, with which the assertions fail where it was weaker.
bounds: tools
	PATH="$(CURDIR)/target/debian/run:$$PATH" cargo test -p camera-service --test bounds -- --nocapture --test-threads 1

# Ten minutes of clients, cameras that come and go and ffmpeg killed at random, against the camera service.
soak:
	cargo build --profile dist --quiet -p camera-service --bins --examples
	PYTHONDONTWRITEBYTECODE=1 python3 bench/camera.py target 600

fuzz:
	scripts/fuzz

# That every fuzz target still builds: without instrumentation, so neither nightly nor cargo-fuzz is needed.
fuzz-check:
	cargo check --quiet --manifest-path fuzz/Cargo.toml --bins --target-dir target/fuzz-check
	cargo check --quiet --manifest-path systems/camera-service/fuzz/Cargo.toml --bins --target-dir target/fuzz-check

# Everything generated that is committed.
docs:
	UPDATE_DOCS=1 cargo test --workspace --test states --test docs --test rules --test documents

dist:
	scripts/dist
