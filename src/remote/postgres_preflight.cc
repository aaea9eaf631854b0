#include "remote/postgres_preflight.h"

#include "remote/postgres_link.h"

namespace hf::remote {
namespace {

using Findings = std::vector<PgPreflightFinding>;

void add(Findings& findings, bool fatal, ErrorKind kind, std::string text, std::string hint) {
  findings.push_back({fatal, make_error(kind, std::move(text)).with_hint(std::move(hint))});
}

Status check_identity(PgConnection& c, const PgPreflightOptions& o, Findings& findings) {
  if (!o.system_id) return ok();
  HF_ASSIGN(std::string text, c.query_value("SELECT system_identifier FROM pg_catalog.pg_control_system()"));
  HF_ASSIGN(std::uint64_t id, parse_u64(text, "system identifier"));
  if (id != *o.system_id) {
    add(findings, true, ErrorKind::kBlocked,
        "the server at " + c.server() + " is cluster " + text + ", but " + std::to_string(*o.system_id) +
            " was expected",
        "Point the DSN at the right cluster, or use a new spool and vault path for this one.");
  }
  return ok();
}

Status check_level_and_senders(PgConnection& c, const PgPreflightOptions& o, Findings& findings) {
  HF_ASSIGN(PgRows r,
            c.query("SELECT current_setting('wal_level'), current_setting('max_wal_senders')::int, "
                    "(SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walsender')"));
  if (r.text(0, 0) == "minimal") {
    add(findings, true, ErrorKind::kBlocked, "wal_level is minimal on " + c.server(),
        "Set wal_level = replica (or logical) and restart the server.");
  }
  HF_ASSIGN(std::uint64_t most, parse_u64(r.text(0, 1), "max_wal_senders"));
  HF_ASSIGN(std::uint64_t used, parse_u64(r.text(0, 2), "number of WAL senders"));
  if (used + o.senders > most) {
    add(findings, true, ErrorKind::kExhausted,
        std::to_string(used) + " of " + std::to_string(most) + " WAL senders are in use on " + c.server() +
            ", and " + std::to_string(o.senders) + " more " + (o.senders == 1 ? "is" : "are") + " needed",
        "Raise max_wal_senders and restart the server, or stop a receiver that nobody needs.");
  }
  return ok();
}

Status check_slot(PgConnection& c, const PgPreflightOptions& o, Findings& findings) {
  if (o.slot.empty()) return ok();
  HF_ASSIGN(PgRows r, c.query("SELECT slot_type, active, coalesce(active_pid, 0), coalesce(wal_status, '') "
                              "FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
                              {o.slot}));
  if (r.rows.empty()) {
    HF_ASSIGN(PgRows n, c.query("SELECT count(*) >= current_setting('max_replication_slots')::int, count(*) "
                                "FROM pg_catalog.pg_replication_slots"));
    if (n.text(0, 0) == "t") {
      add(findings, true, ErrorKind::kExhausted,
          "all " + n.text(0, 1) + " replication slots are in use on " + c.server(),
          "Raise max_replication_slots and restart the server, or drop a slot that nobody uses.");
    }
    return ok();
  }
  if (r.text(0, 0) != "physical") {
    add(findings, true, ErrorKind::kBlocked, "slot '" + o.slot + "' on " + c.server() + " is a logical one",
        "Choose another slot name.");
  } else if (r.text(0, 1) == "t") {
    add(findings, true, ErrorKind::kBusy,
        "slot '" + o.slot + "' on " + c.server() + " is in use by server process " + r.text(0, 2),
        "Stop the other receiver, or give this one a slot of its own.");
  } else if (r.text(0, 3) == "lost") {
    add(findings, true, ErrorKind::kBlocked,
        "slot '" + o.slot + "' on " + c.server() + " lost WAL that it needed",
        "Drop the slot and take a new base backup: the WAL since it stopped is gone.");
  }
  return ok();
}

Status check_remote_apply(PgConnection& c, Findings& findings) {
  HF_ASSIGN(
      PgRows r,
      c.query("SELECT 'this session', current_setting('synchronous_commit') UNION ALL "
              "SELECT coalesce('role ' || rolname, 'a database'), split_part(s, '=', 2) "
              "FROM pg_catalog.pg_db_role_setting d LEFT JOIN pg_catalog.pg_roles r ON r.oid = d.setrole, "
              "unnest(d.setconfig) s WHERE s LIKE 'synchronous\\_commit=%'"));
  for (std::size_t i = 0; i < r.rows.size(); ++i) {
    if (r.text(i, 1) != "remote_apply") continue;
    add(findings, false, ErrorKind::kBlocked,
        "synchronous_commit is remote_apply for " + r.text(i, 0) + " on " + c.server(),
        "A WAL receiver applies nothing and never reports so: use synchronous_commit = on, or commits that "
        "count on it hang.");
  }
  return ok();
}

// A standby sends WAL on, and does not look at who has it: https://www.postgresql.org/docs/current/warm-standby.html,
// "Cascading Replication": it is asynchronous, whatever synchronous_standby_names says.
Status check_primary(PgConnection& c, Findings& findings) {
  HF_ASSIGN(std::string in_recovery, c.query_value("SELECT pg_catalog.pg_is_in_recovery()"));
  if (in_recovery != "t") return ok();
  add(findings, false, ErrorKind::kBlocked,
      "the server at " + c.server() + " is a standby: no commit ever waits for what is received from it",
      "To be counted on by synchronous_standby_names, receive from the primary; as one more copy this is fine.");
  return ok();
}

}  // namespace

Result<Findings> replication_preflight(PgConnection& connection, const PgPreflightOptions& options) {
  Findings findings;
  HF_TRY(check_identity(connection, options, findings));
  HF_TRY(check_level_and_senders(connection, options, findings));
  HF_TRY(check_slot(connection, options, findings));
  HF_TRY(check_remote_apply(connection, findings));
  if (options.acknowledges) HF_TRY(check_primary(connection, findings));
  return findings;
}

}  // namespace hf::remote
