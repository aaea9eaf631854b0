// lint, explain, schema: the plan as a text that can be wrong.
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/plan_file.h"
#include "plan/lint.h"
#include "plan/schema.h"

namespace hf::cli {

namespace {

std::string summary_of(const plan::Loaded& loaded) {
  std::uint64_t errors = 0, warnings = 0, infos = 0, waived = 0;
  for (const plan::Finding& f : loaded.findings) {
    if (!f.waived_by.empty())
      ++waived;
    else if (f.severity == plan::FindingSeverity::kError)
      ++errors;
    else if (f.severity == plan::FindingSeverity::kWarning)
      ++warnings;
    else
      ++infos;
  }
  return format_count(errors, "error") + ", " + format_count(warnings, "warning") + ", " + format_count(infos, "note") +
         ", " + format_count(waived) + " waived";
}

Outcome run_lint(Context& context, const Arguments&) {
  auto file = read_plan(context);
  if (!file) return failed(std::move(file).error());
  Json findings = Json::array();
  for (const plan::Finding& f : file->loaded.findings) {
    context.out.line(plan::render(f, file->sources, context.out.color()));
    context.out.event("finding", plan::to_json(f));
    findings.push(plan::to_json(f));
  }
  context.out.line(context.plan_file + ": " + summary_of(file->loaded));
  Outcome out = finished(Json::object().set("findings", findings).set("plan_hash", file->hash),
                         file->loaded.ok() ? kExitOk : kExitFailed);
  if (!plan::is_whole(file->loaded.findings))
    out.warnings.push_back("what the plan means was not looked at, as not all of it could be read; mend that, then lint again");
  return out;
}

Outcome run_explain(Context& context, const Arguments& args) {
  const std::string& name = args.positional()[0];
  std::string meaning = explain_error_id(name);
  auto text = meaning.empty() ? plan::explain(name) : Result<std::string>(std::move(meaning));
  if (!text) return failed(std::move(text).error());
  context.out.text(*text + (text->ends_with('\n') ? "" : "\n"));
  return finished(Json::object().set("text", *text));
}

Outcome run_schema(Context& context, const Arguments&) {
  Json schema = plan::schema();
  context.out.text(dump_json_pretty(schema) + "\n");
  return finished(Json::object().set("schema", schema));
}

}  // namespace

std::vector<Command> plan_commands() {
  return {
      {{"lint"},
       "all that is wrong with the plan, each with its place and a hint",
       {"holdfast lint", "holdfast lint --plan /etc/holdfast/holdfast.yaml",
        "holdfast lint -o json | jq .data.findings"},
       {},
       "",
       0,
       0,
       run_lint},
      {{"explain"},
       "what a field of the plan, a rule or an error id means",
       {"holdfast explain failover.steps.fence", "holdfast explain promotion-without-fence", "holdfast explain HF2004"},
       {},
       "NAME",
       1,
       1,
       run_explain},
      {{"schema"},
       "the JSON Schema (draft-07) of the plan, for editors",
       {"holdfast schema > holdfast.schema.json", "holdfast schema -o json", "holdfast schema | less"},
       {},
       "",
       0,
       0,
       run_schema},
  };
}

}  // namespace hf::cli
