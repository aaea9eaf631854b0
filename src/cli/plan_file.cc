#include "cli/plan_file.h"

#include "base/hex.h"
#include "cli/exit_codes.h"
#include "crypto/hash.h"
#include "plan/lint.h"

namespace hf::cli {

namespace {

constexpr std::size_t kMaxSecretBytes = 64 << 10;
constexpr Micros kSecretCommandTimeout = 30s;

Result<plan::Source> read_source(Files& files, const std::string& path) {
  HF_ASSIGN(Bytes text, read_file(files, path, plan::kMaxSourceBytes));
  return plan::Source{path, to_text(text)};
}

Error no_plan(const std::string& path) {
  return make_error(ErrorKind::kNotFound, "there is no plan at " + path)
      .with_hint("Give one with --plan FILE, or write ./holdfast.yaml; docs/plan.md has the fields.")
      .with_id(std::string(kNoPlanId))
      .with_object(path);
}

Secret without_final_newline(Bytes bytes) {
  if (!bytes.empty() && bytes.back() == '\n') bytes.pop_back();
  return Secret(std::move(bytes));
}

Result<Secret> secret_of_command(Context& context, const std::string& line) {
  ProcessSpec spec;
  for (std::size_t pos = 0; pos < line.size();) {
    std::size_t end = std::min(line.find(' ', pos), line.size());
    if (end > pos) spec.argv.push_back(line.substr(pos, end - pos));
    pos = end + 1;
  }
  if (spec.argv.empty()) return make_error(ErrorKind::kInvalid, "'command:' names no program");
  HF_ASSIGN(ProcessExit done,
            run_process(context.env.processes, context.env.clock, spec, kSecretCommandTimeout, context.stop));
  if (done.code != 0) {
    return make_error(ErrorKind::kDenied,
                      "the command for a secret, " + spec.argv[0] + ", exited with " + std::to_string(done.code))
        .with_hint("Run it by hand; its standard output must be the secret.");
  }
  return without_final_newline(to_bytes(done.output));
}

}  // namespace

std::string PlanFile::text() const {
  std::string out;
  for (const plan::Source& s : sources) out += (sources.size() > 1 ? "# " + s.name + "\n" : "") + s.text;
  return out;
}

Result<PlanFile> read_plan(Context& context) {
  Files& files = context.env.files;
  if (!file_exists(files, context.plan_file)) return no_plan(context.plan_file);
  PlanFile out;
  HF_ASSIGN(plan::Source first, read_source(files, context.plan_file));
  out.sources.push_back(std::move(first));
  const std::string folder = join_path(parent_path(context.plan_file), "holdfast.d");
  if (auto entries = files.list(folder); entries) {
    for (const DirectoryEntry& e : *entries) {
      if (e.is_directory || !e.name.ends_with(".yaml")) continue;
      HF_ASSIGN(plan::Source more, read_source(files, join_path(folder, e.name)));
      out.sources.push_back(std::move(more));
    }
  }
  out.loaded = plan::load_and_lint(out.sources, context.env.clock.wall());
  out.hash = to_hex(crypto::sha256(as_bytes(out.loaded.canonical)));
  return out;
}

Result<PlanFile> read_valid_plan(Context& context) {
  HF_ASSIGN(PlanFile file, read_plan(context));
  if (file.loaded.ok()) return file;
  for (const plan::Finding& f : file.loaded.findings) {
    if (f.severity == plan::FindingSeverity::kError && f.waived_by.empty())
      context.out.note(plan::render(f, file.sources, context.out.color()));
  }
  return make_error(ErrorKind::kInvalid, "the plan " + context.plan_file + " has errors")
      .with_hint("Mend what is shown above; `holdfast lint` shows everything.")
      .with_object(context.plan_file);
}

Result<Secret> resolve_secret(Context& context, const plan::SecretRef& reference) {
  switch (reference.kind) {
    case plan::SecretRef::Kind::kNone:
      return Secret();
    case plan::SecretRef::Kind::kLiteral:
      return Secret(reference.value);
    case plan::SecretRef::Kind::kEnv: {
      auto it = context.environment.find(reference.value);
      if (it != context.environment.end()) return Secret(it->second);
      return make_error(ErrorKind::kNotFound, "the environment variable " + reference.value + " is not set")
          .with_hint("The plan takes a secret from it; set it for this command.");
    }
    case plan::SecretRef::Kind::kFile: {
      HF_ASSIGN(Bytes bytes, read_file(context.env.files, reference.value, kMaxSecretBytes));
      return without_final_newline(std::move(bytes));
    }
    case plan::SecretRef::Kind::kCommand:
      return secret_of_command(context, reference.value);
  }
  return Secret();
}

}  // namespace hf::cli
