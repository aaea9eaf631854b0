# `make` builds build/holdfast; `make demo` runs it end to end; `make test` and `make test-asan` run the tests.
.PHONY: all demo test test-postgres test-asan test-tsan coverage tidy fuzz bench clean
all: build/build.ninja
	@cmake --build build --target holdfast orders

build/build.ninja:
	@cmake --preset release

demo: build/build.ninja
	@cmake --build build --target holdfast orders
	@build/holdfast demo

test:
	@./setup --tests
	@cmake --preset release
	@cmake --build build
	@tests/run build

# What uses PostgreSQL, against each major version beside Debian's: 14, 16, 17, 18. VERSIONS="16 18" chooses.
test-postgres:
	@./setup --tests --postgres
	@cmake --preset release
	@cmake --build build
	@tests/postgres run build $(VERSIONS)

# Under AddressSanitizer and UndefinedBehaviorSanitizer: everything but the demo and the benchmarks. What tries every call or
# byte takes one in so many there (src/io/testing_each.h).
test-asan:
	@./setup --tests
	@cmake --preset dev
	@cmake --build build-asan
	@tests/run build-asan

# Under ThreadSanitizer: the programs that have threads, and the commands that do.
threaded = io_test journal_test vault_test remote_test health_test runbook_test mount_test sources_test actions_test
threaded_commands = backup_diff backup_files backup_resume failover_watch probe_busy restore_damaged restore_files run_lifecycle vault_check \
	vault_copy vault_heal vault_interrupt vault_mount vault_pin vault_prune vault_rebuild vault_s3 vault_scrub vault_stats wal
test-tsan:
	@./setup --tests
	@cmake --preset tsan
	@cmake --build build-tsan --target $(threaded) holdfast orders json_tool
	@tests/run build-tsan $(threaded) $(threaded_commands:=.sh)

# Lines and branches that the tests reach, by module. TESTS names some of them: make coverage TESTS="plan_test lint.sh"
coverage:
	@./setup --dev
	@cmake --preset coverage
	@cmake --build build-coverage
	@tests/coverage build-coverage $(TESTS)

tidy:
	@./setup --dev
	@cmake --preset tidy
	@cmake --build build-tidy

fuzz:
	@./setup --dev
	@cmake --preset fuzz
	@cmake --build build-fuzz --target fuzzers
	@fuzz/run build-fuzz

# Against restic, BorgBackup and what else is on PATH; BENCH gives options, as in: make bench BENCH="--scale 0.1"
bench:
	@./setup --bench
	@cmake --preset release
	@cmake --build build --target holdfast micro walk
	@bench/vault $(BENCH)

clean:
	@rm -rf build build-asan build-tsan build-tidy build-fuzz build-coverage
