// document build: the plan document, every [Measured] and [Date] filled in from what really happened.
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/journal_access.h"
#include "cli/plan_file.h"
#include "report/document.h"

namespace hf::cli {

namespace {

Outcome run_build(Context& context, const Arguments& args) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  report::DocumentInput input{file->loaded.plan, file->hash, {}, "", context.env.clock.wall()};
  auto journal = read_journal(context);
  if (!journal && journal.error().kind != ErrorKind::kNotFound) return failed(std::move(journal).error());
  if (journal) {
    input.journal_origin = (*journal)->identity().origin;
    auto read = (*journal)->read(0, [&](const journal::Entry& e) {
      input.events.push_back({e.seq, e.event});
      return true;
    });
    if (!read) return failed(std::move(read).error());
  }
  auto document = report::build_document(input);
  if (!document) return failed(std::move(document).error().with_context("compiling the document"));
  const std::string to = args.get_or("--to", ".");
  Files& files = context.env.files;
  if (auto made = files.make_dirs(to, 0755); !made) return failed(std::move(made).error());
  for (auto [name, text] : {std::pair{"disaster-recovery-plan.md", &document->markdown},
                            {"disaster-recovery-plan.html", &document->html}}) {
    if (auto wrote = write_file_atomic(files, join_path(to, name), as_bytes(*text), 0644); !wrote)
      return failed(std::move(wrote).error());
    context.out.line(join_path(to, name));
  }
  context.out.line(std::to_string(document->measured) +
                   " measured figures; not measured: " + std::to_string(document->not_measured.size()));
  Json holes = Json::array();
  for (const std::string& what : document->not_measured) holes.push(what);
  Json data = Json::object();
  data.set("markdown", join_path(to, "disaster-recovery-plan.md"))
      .set("html", join_path(to, "disaster-recovery-plan.html"));
  data.set("measured", document->measured).set("not_measured", holes);
  return finished(data);
}

}  // namespace

std::vector<Command> document_commands() {
  return {{{"document", "build"},
           "the plan document as Markdown and HTML, with what was measured",
           {"holdfast document build", "holdfast document build --to /srv/www/dr", "holdfast document build -o json"},
           {{"--to", "DIR", "where the files go (default: here)", false, false}},
           "",
           0,
           0,
           run_build}};
}

}  // namespace hf::cli
