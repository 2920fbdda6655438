# rcnbuild: make demo, make check; `make help` lists the rest.

B ?= build
PREFIX ?= /usr/local
CC ?= gcc
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0

# A flag that the compiler takes, or nothing.
try = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null \
	&& echo $(1))

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 \
	-Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wvla -Wundef -Wwrite-strings -Wswitch
WARN += $(call try,-Wlogical-op) $(call try,-Wduplicated-cond) \
	$(call try,-Wduplicated-branches)
ifdef WERROR
WARN += -Werror
endif

HARDEN := -fstack-protector-strong
HARDEN += $(foreach f,-fstack-clash-protection -fcf-protection=full \
	-ftrivial-auto-var-init=zero -fstrict-flex-arrays=3 \
	-fzero-call-used-regs=used-gpr,$(call try,$(f)))
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed

ifdef SAN
B := build-$(subst $(shell printf ','),-,$(SAN))
OPT := -O1 -g -fsanitize=$(SAN) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all
LINK += -fsanitize=$(SAN)
else
OPT := -O2 -g -D_FORTIFY_SOURCE=3
endif

CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ilib -I. \
	-DRCN_VERSION='"$(VERSION)"' -include lib/base/banned.h
CFLAGS += -std=c11 $(OPT) -fPIE -fvisibility=hidden $(WARN) $(HARDEN)
LIBS := -ljansson -lcurl -lgit2 -larchive -lseccomp -lcrypto -lsqlite3 -lsodium \
	-lnghttp2 -lmicrohttpd

PROGS := $(patsubst cmd/%.c,$(B)/%,$(wildcard cmd/*.c))
SCRIPTS := $(filter-out %/lib.sh,$(wildcard sh/*))
LIB_SRC := $(wildcard lib/*/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
UNIT := $(patsubst test/unit/%.c,$(B)/test/unit/%,$(wildcard test/unit/*.c))
HELPERS := $(patsubst test/load/%.c,$(B)/test/load/%,\
	$(wildcard test/load/*.c))
FUZZ := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/*.c))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

all: $(PROGS)

$(B)/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/librcn.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(LIB_OBJ)

# The verbs of rcn-state.
$(B)/rcn-state: $(patsubst %.c,$(B)/%.o,$(wildcard cmd/state/*.c))

$(PROGS): $(B)/%: $(B)/cmd/%.o $(B)/librcn.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) \
		$(B)/librcn.a $(LIBS)

$(B)/test/unit/%: $(B)/test/unit/%.o $(B)/librcn.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $< $(B)/librcn.a $(LIBS)

$(B)/test/load/%: $(B)/test/load/%.o $(B)/librcn.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $< $(B)/librcn.a $(LIBS)

# Static and unsanitized: it is all that its image holds.
$(B)/test/load/app: test/load/app.c
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=c11 -O2 -static -pthread $(WARN) -o $@ $<

-include $(shell find $(B) -name '*.d' 2>/dev/null)

build-tests: all $(UNIT) $(HELPERS)

setup-demo:
	$(Q)sh/setup demo

setup-check:
	$(Q)sh/setup check

# The sub-make sees packages that setup has just installed.
demo: setup-demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)B=$(B) sh/demo up

demo-clean:
	$(Q)B=$(B) sh/demo down

check: setup-check
	$(Q)$(MAKE) --no-print-directory check-ready

check-ready: build-tests check-layers check-headers
	$(Q)B=$(B) test/env run test/run

check-unit: build-tests
	$(Q)B=$(B) test/run --unit

# make check-bats T=test/rcn-build.bats
check-bats: build-tests
	$(Q)B=$(B) test/env run test/run $(T)

# make soak KILLS=200: kill -9 at random; SEED=N for the same again.
soak: setup-check build-tests
	$(Q)B=$(B) KILLS=$(KILLS) SEED=$(SEED) test/env run test/run \
		test/soak/random.bats

check-layers:
	$(Q)sh test/layers

check-headers:
	$(Q)for h in lib/*/*.h cmd/*/*.h; do \
		$(CC) $(CPPFLAGS) -std=c11 -Wall -Wextra -fsyntax-only -x c $$h \
		|| exit 1; done

SH_FILES = $(shell grep -lE '^\#!/bin/(ba)?sh' sh/* test/* test/*/* bench/* .ci/run \
	2>/dev/null)
C_FILES = $(wildcard cmd/*.c cmd/*/*.c lib/*/*.c)
C_TESTS = $(wildcard test/unit/*.c test/load/*.c)

analyze: analyze-gcc analyze-tidy analyze-cppcheck analyze-text

analyze-gcc:
	$(Q)printf '%s\n' $(C_FILES) $(C_TESTS) | xargs -P 2 -n 1 \
		gcc $(CPPFLAGS) -std=c11 -O1 -fanalyzer -Werror -S \
		-o /dev/null

TIDY_CHECKS := -*,clang-analyzer-*,bugprone-*,cert-*,-cert-err33-c,$\
	-bugprone-easily-swappable-parameters,$\
	-clang-analyzer-valist.Uninitialized,$\
	-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
CPPFLAGS_TIDY := -D_GNU_SOURCE -Ilib -I. -DRCN_VERSION=\"x\" \
	-include lib/base/banned.h

# clang 14 takes a va_list passed on for one that was not begun.
analyze-tidy:
	$(Q)printf '%s\n' $(C_FILES) | xargs -P 2 -n 4 sh -c \
		'clang-tidy --quiet --warnings-as-errors="*" --checks="$$0" \
		"$$@" -- $(CPPFLAGS_TIDY) -std=c11 2>/dev/null' \
		'$(TIDY_CHECKS)'

analyze-cppcheck:
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability \
		--inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem \
		-D_GNU_SOURCE -Ilib -I. --include=test/cppcheck.h \
		cmd lib test/unit test/load test/fuzz

# A test's variables and functions come from load, run and the subshell that
# each test is; jq programs stand in single quotes, and sed may do small work.
BATS_WAYS := SC2001,SC2016,SC2030,SC2031,SC2034,SC2119,SC2120,SC2154
analyze-text:
	$(Q)shellcheck $(SH_FILES)
	$(Q)shellcheck -s bats -e $(BATS_WAYS) test/*.bats test/*/*.bats \
		test/*.bash
	$(Q)mandoc -Tlint -Wwarning man/*

# libFuzzer: make fuzz SECONDS=60 [F=trace]; -j2 for two at a time.  Each is
# run whatever becomes of the others; a finding is left in build-fuzz/TARGET.
SECONDS ?= 60
FUZZ_CC = clang -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all -Wno-comment -Wno-unknown-warning-option \
	$(CPPFLAGS) -std=c11
fuzz:
	$(Q)$(MAKE) -k --no-print-directory \
		$(patsubst %,fuzz-%,$(or $(F),$(FUZZ)))

$(FUZZ:%=fuzz-%): fuzz-%:
	$(Q)mkdir -p build-fuzz/$* build-fuzz/corpus/$* test/fuzz/corpus/$*
	$(Q)$(FUZZ_CC) -o build-fuzz/$*/fuzz test/fuzz/$*.c \
		$$(sed -n 's|^ \* links: ||p' test/fuzz/$*.c) \
		-Wl,--as-needed $(LIBS)
	$(Q)build-fuzz/$*/fuzz -max_total_time=$(SECONDS) -timeout=10 \
		-rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix=build-fuzz/$*/ build-fuzz/corpus/$* \
		test/fuzz/corpus/$* >build-fuzz/$*/log 2>&1 || \
		{ cat build-fuzz/$*/log; echo "$*: failed"; exit 1; }
	$(Q)awk '/^stat::number_of_executed_units:/ { n = $$2 } \
		END { print "$*: " n " runs"; exit n == 0 }' build-fuzz/$*/log

bench: setup-check build-tests
	$(Q)B=$(B) test/env run bench/run

valgrind: build-tests
	$(Q)set -e; for t in $(UNIT); do valgrind -q --error-exitcode=1 \
		--leak-check=full $$t >/dev/null; done

# Folders of share/ that are read at run time; units and completion have
# their own places.
SHARED := $(filter-out share/systemd share/completion,$(wildcard share/*))
to = $(DESTDIR)$(PREFIX)

install: all
	install -d $(to)/bin $(to)/share/rcn $(to)/lib/systemd/system \
		$(to)/lib/sysusers.d $(to)/lib/tmpfiles.d \
		$(to)/share/bash-completion/completions \
		$(to)/share/zsh/site-functions \
		$(to)/share/man/man1 $(to)/share/man/man5 $(to)/share/man/man7
	install -m 755 $(PROGS) sh/rcn sh/rcn-* $(to)/bin
	install -m 755 sh/post-receive $(to)/share/rcn
	cp -R $(SHARED) $(to)/share/rcn/
	for u in share/systemd/rcn-*; do \
		sed 's|@bindir@|$(PREFIX)/bin|g' $$u \
			>$(to)/lib/systemd/system/$${u##*/} || exit; \
	done
	install -m 644 share/systemd/sysusers.conf \
		$(to)/lib/sysusers.d/rcn.conf
	install -m 644 share/systemd/tmpfiles.conf \
		$(to)/lib/tmpfiles.d/rcn.conf
	install -m 644 share/completion/rcn.bash \
		$(to)/share/bash-completion/completions/rcn
	install -m 644 share/completion/_rcn $(to)/share/zsh/site-functions
	for n in 1 5 7; do \
		install -m 644 man/*.$$n $(to)/share/man/man$$n || exit; \
	done

clean:
	rm -rf build build-*

help:
	@echo 'make            build into $$(B), "build" by default'
	@echo 'make demo       set up, deploy a sample app, show its answer'
	@echo 'make demo-clean stop and remove all that demo made'
	@echo 'make check      set up, run all tests (SAN=address,undefined)'
	@echo 'make analyze    static analysis of code, scripts and pages'
	@echo 'make fuzz       each fuzz target for SECONDS=60'
	@echo 'make soak       deployments while all is killed at random, KILLS=200'
	@echo 'make bench      ratios against what a user would pick instead'
	@echo 'make install    DESTDIR= PREFIX=/usr/local'

.PHONY: all build-tests setup-demo setup-check demo demo-clean check \
	check-ready check-unit check-bats check-layers soak check-headers analyze \
	analyze-gcc analyze-tidy analyze-cppcheck analyze-text fuzz \
	$(FUZZ:%=fuzz-%) bench valgrind install clean help
.DELETE_ON_ERROR:
# Objects stay: make would say last of all that it removes those of tests.
.SECONDARY:
