# The allow-list of layers. A module links only what stands here, and tests/tidy_test.cc checks every #include
# against the same lines. Format: name, then DEPS (modules; `base` is always allowed), then LIBS (libraries from outside).
#
# row 0
hf_module(base     DEPS                                   LIBS fmt::fmt)
# row 1
hf_module(io       DEPS                                   LIBS)
hf_module(crypto   DEPS                                   LIBS OpenSSL::Crypto PkgConfig::sodium PkgConfig::ipsecmb)
hf_module(record   DEPS                                   LIBS)
hf_module(plan     DEPS                                   LIBS PkgConfig::fyaml)
# row 2
hf_module(remote   DEPS io crypto                         LIBS PkgConfig::curl PkgConfig::pq PkgConfig::ldns OpenSSL::SSL)
# row 3
hf_module(journal  DEPS io crypto remote record           LIBS PkgConfig::sqlite SQLiteCpp)
hf_module(vault    DEPS io crypto remote                  LIBS PkgConfig::zstd PkgConfig::isal)
# row 4
hf_module(health   DEPS io remote plan record             LIBS)
hf_module(evidence DEPS io crypto journal record plan     LIBS)
hf_module(runbook  DEPS io journal record plan            LIBS)
hf_module(mount    DEPS io crypto remote vault            LIBS PkgConfig::fuse3)
# row 5
hf_module(sources  DEPS io crypto remote record plan vault LIBS)
# row 6
hf_module(actions  DEPS io crypto remote record plan journal vault health evidence runbook sources LIBS)
# row 7
hf_module(report   DEPS plan record                       LIBS PkgConfig::cmarkgfm cmark-gfm-extensions)
# row 8
hf_module(lab      DEPS io crypto remote record plan journal vault health evidence runbook sources actions report LIBS)
# row 9
hf_module(cli      DEPS io crypto remote record plan journal vault health evidence runbook sources actions report lab mount LIBS PkgConfig::qrencode)
# test code only: no product module may name it
hf_module(sim      DEPS io crypto remote record plan journal vault health runbook LIBS)
