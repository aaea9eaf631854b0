// BASE_BACKUP: the keyword form and one tar stream a tablespace before 15, options in parentheses and one
// typed stream from 15 on. https://www.postgresql.org/docs/current/protocol-replication.html, BASE_BACKUP
#include <optional>

#include "remote/postgres_link.h"
#include "remote/postgres_replication.h"

namespace hf::remote {
namespace {

constexpr int kTypedStream = 150000;

Error backup_protocol_error(std::string_view what) {
  return make_error(ErrorKind::kCorrupt, "base backup protocol: " + std::string(what));
}

std::string typed_command(const BaseBackupOptions& o) {
  std::string text = "BASE_BACKUP (LABEL " + pg_quote_literal(o.label) + ", TABLESPACE_MAP";
  text += o.fast_checkpoint ? ", CHECKPOINT 'fast'" : ", CHECKPOINT 'spread'";
  text += o.wait_for_archive ? ", WAIT 1" : ", WAIT 0";
  text += o.verify_checksums ? ", VERIFY_CHECKSUMS 1" : ", VERIFY_CHECKSUMS 0";
  if (o.progress) text += ", PROGRESS";
  if (o.max_rate_kib != 0) text += ", MAX_RATE " + std::to_string(o.max_rate_kib);
  text += o.manifest ? ", MANIFEST 'yes', MANIFEST_CHECKSUMS " + pg_quote_literal(o.manifest_checksums)
                     : ", MANIFEST 'no'";
  return text + ")";
}

std::string keyword_command(const BaseBackupOptions& o) {
  std::string text = "BASE_BACKUP LABEL " + pg_quote_literal(o.label);
  if (o.progress) text += " PROGRESS";
  if (o.fast_checkpoint) text += " FAST";
  if (!o.wait_for_archive) text += " NOWAIT";
  if (o.max_rate_kib != 0) text += " MAX_RATE " + std::to_string(o.max_rate_kib);
  text += " TABLESPACE_MAP";
  if (!o.verify_checksums) text += " NOVERIFY_CHECKSUMS";
  if (o.manifest) text += " MANIFEST 'yes' MANIFEST_CHECKSUMS " + pg_quote_literal(o.manifest_checksums);
  return text;
}

std::string field(const PGresult* r, int row, int column) {
  return std::string(PQgetvalue(r, row, column), static_cast<std::size_t>(PQgetlength(r, row, column)));
}

Result<std::pair<Lsn, Timeline>> position(const PGresult* r) {
  if (PQntuples(r) != 1 || PQnfields(r) < 2) return backup_protocol_error("unexpected form of a position");
  HF_ASSIGN(Lsn lsn, parse_lsn(field(r, 0, 0)));
  HF_ASSIGN(Timeline timeline, parse_timeline(field(r, 0, 1)));
  return std::pair(lsn, timeline);
}

Result<std::vector<PgTablespace>> tablespaces(const PGresult* r) {
  if (PQnfields(r) < 3) return backup_protocol_error("unexpected form of the tablespace list");
  std::vector<PgTablespace> out;
  for (int row = 0; row < PQntuples(r); ++row) {
    PgTablespace t;
    if (PQgetisnull(r, row, 0) == 0) {
      HF_ASSIGN(std::uint64_t oid, parse_u64(field(r, row, 0), "tablespace oid"));
      if (oid > 0xffffffffULL) return backup_protocol_error("tablespace oid out of range: " + field(r, row, 0));
      t.oid = static_cast<std::uint32_t>(oid);
      t.location = field(r, row, 1);
    }
    if (PQgetisnull(r, row, 2) == 0) {
      HF_ASSIGN(std::uint64_t kib, parse_u64(field(r, row, 2), "tablespace size"));
      t.size_bytes = kib * 1024;
    }
    out.push_back(std::move(t));
  }
  return out;
}

// One base backup in progress.
class BackupReader {
 public:
  BackupReader(PgLink& link, const BaseBackupOptions& options, const BaseBackupSink& sink)
      : link_(link), options_(options), sink_(sink) {}

  Result<BaseBackupEnd> run(bool typed) {
    HF_ASSIGN(BaseBackupStart start, read_start());
    HF_TRY(sink_.on_start(start));
    if (typed) {
      HF_TRY(expect_copy());
      HF_TRY(each_piece([this](ByteView piece) { return typed_piece(piece); }));
    } else {
      HF_TRY(raw_archives(start));
    }
    HF_ASSIGN(PgResult last, next(options_.idle_timeout));
    if (!last || PQresultStatus(last.get()) != PGRES_TUPLES_OK) return backup_protocol_error("no end position");
    HF_ASSIGN(auto end, position(last.get()));
    HF_ASSIGN(PgResult rest, link_.finish(link_.after(options_.idle_timeout)));
    return BaseBackupEnd{start.lsn, start.timeline, end.first, end.second};
  }

 private:
  Result<PgResult> next(Micros timeout) { return link_.next_result(link_.after(timeout)); }

  Result<BaseBackupStart> read_start() {
    BaseBackupStart start;
    HF_ASSIGN(PgResult first, next(options_.start_timeout));
    if (!first || PQresultStatus(first.get()) != PGRES_TUPLES_OK) return backup_protocol_error("no start position");
    HF_ASSIGN(auto at, position(first.get()));
    start.lsn = at.first;
    start.timeline = at.second;
    HF_ASSIGN(PgResult second, next(options_.start_timeout));
    if (!second || PQresultStatus(second.get()) != PGRES_TUPLES_OK)
      return backup_protocol_error("no tablespace list");
    HF_ASSIGN(start.tablespaces, tablespaces(second.get()));
    return start;
  }

  Status expect_copy() {
    HF_ASSIGN(PgResult r, next(options_.idle_timeout));
    if (!r || PQresultStatus(r.get()) != PGRES_COPY_OUT) return backup_protocol_error("a stream was expected");
    return ok();
  }

  Status each_piece(const std::function<Status(ByteView)>& take) {
    for (;;) {
      HF_ASSIGN(CopyRead read, link_.read_copy(link_.after(options_.idle_timeout)));
      if (read.kind == CopyRead::Kind::kEnd) return ok();
      if (read.kind == CopyRead::Kind::kWait) {
        return make_error(ErrorKind::kTimeout, "base backup from " + link_.server() + ": no byte for " +
                                                   format_duration(options_.idle_timeout));
      }
      HF_TRY(take(read.data));
    }
  }

  // 'n' name\0 path\0 | 'd' bytes | 'p' int64 | 'm'; others are of a later version and to be ignored.
  Status typed_piece(ByteView piece) {
    if (piece.empty()) return backup_protocol_error("empty message");
    ByteView body = piece.subspan(1);
    switch (piece[0]) {
      case 'n': {
        std::string_view text = as_text(body);
        std::size_t first = text.find('\0');
        std::size_t second = first == std::string_view::npos ? first : text.find('\0', first + 1);
        if (second == std::string_view::npos) return backup_protocol_error("malformed start of an archive");
        in_manifest_ = false;
        in_archive_ = true;
        return sink_.on_archive(std::string(text.substr(0, first)),
                                std::string(text.substr(first + 1, second - first - 1)));
      }
      case 'm': in_manifest_ = true; return ok();
      case 'd':
        if (in_manifest_) return sink_.on_manifest ? sink_.on_manifest(body) : ok();
        if (!in_archive_) return backup_protocol_error("data outside of an archive");
        return sink_.on_data(body);
      case 'p': {
        if (body.size() != 8) return backup_protocol_error("malformed progress");
        std::uint64_t done = 0;
        for (std::uint8_t b : body) done = (done << 8) | b;
        if (sink_.on_progress) sink_.on_progress(done);
        return ok();
      }
      default: return ok();
    }
  }

  Status raw_archives(const BaseBackupStart& start) {
    for (const PgTablespace& t : start.tablespaces) {
      HF_TRY(expect_copy());
      HF_TRY(sink_.on_archive(t.oid == 0 ? "base.tar" : std::to_string(t.oid) + ".tar", t.location));
      HF_TRY(each_piece([this](ByteView piece) { return sink_.on_data(piece); }));
    }
    if (!options_.manifest) return ok();
    HF_TRY(expect_copy());
    return each_piece([this](ByteView piece) { return sink_.on_manifest ? sink_.on_manifest(piece) : ok(); });
  }

  PgLink& link_;
  const BaseBackupOptions& options_;
  const BaseBackupSink& sink_;
  bool in_manifest_ = false;
  bool in_archive_ = false;
};

}  // namespace

Result<BaseBackupEnd> PgReplication::base_backup(const BaseBackupOptions& options,
                                                 const BaseBackupSink& sink) {
  bool typed = server_version() >= kTypedStream;
  HF_TRY(link_->send(typed ? typed_command(options) : keyword_command(options), {},
                     link_->after(options.idle_timeout)));
  auto end = BackupReader(*link_, options, sink).run(typed);
  if (!end) {
    // Half a stream is still in the connection: it takes no further command.
    return link_->give_up(Error(std::move(end).error()).with_context("base backup from " + link_->server()));
  }
  return end;
}

}  // namespace hf::remote
