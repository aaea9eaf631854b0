// Reading inputs, and connecting.
#include "actions/resources.h"

namespace hf::actions {

Result<std::string> text_of(const runbook::StepContext& context, std::string_view member) {
  const Json& value = context.step.input[member];
  if (value.is_string() && !value.as_string().empty()) return value.as_string();
  return make_error(ErrorKind::kInvalid, "step '" + context.step.name + "' has no '" + std::string(member) + "'")
      .with_hint("Add it to this step in the plan, and start a new run.");
}

std::vector<std::string> texts_of(const Json& list) {
  std::vector<std::string> out;
  for (const Json& item : list.items()) out.push_back(item.as_string());
  return out;
}

Result<remote::PgConnection> connect(const Resources& r, const runbook::StepContext& context,
                                     const std::string& reference, Micros timeout) {
  HF_ASSIGN(const Secret dsn, r.secret(reference));
  remote::PgConnectOptions options;
  options.application_name = "holdfast_" + context.step.name;
  options.timeout = timeout;
  options.stop = context.stop;
  return remote::PgConnection::connect(dsn.reveal_text(), r.env.clock, options);
}

}  // namespace hf::actions
