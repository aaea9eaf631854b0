#include "cli/interrupt.h"

#include <chrono>

#include "cli/exit_codes.h"

namespace hf::cli {

namespace {

constexpr auto kGrace = std::chrono::milliseconds(1500);  // of the 2 s that are promised

}  // namespace

Interruptible::Interruptible(Context& context, std::string durable) : context_(context), durable_(std::move(durable)) {
  context_.interruptible = true;
  if (context_.before_forced_end) {
    context_.before_forced_end([&out = context_.out, hint = durable_] {
      out.end_at_once(failed(make_error(ErrorKind::kCancelled, "interrupted").with_hint(hint)));
    });
  }
  if (context_.force_end_after) context_.force_end_after(kGrace);
}

Interruptible::~Interruptible() {
  context_.interruptible = false;
  if (context_.force_end_after) context_.force_end_after(std::chrono::milliseconds(0));
  if (context_.before_forced_end) context_.before_forced_end({});
}

Outcome Interruptible::told(Outcome outcome) const {
  for (Error& error : outcome.errors) {
    if (error.kind != ErrorKind::kCancelled) continue;
    error.hint = durable_;
    outcome.exit_code = kExitInterrupted;
  }
  return outcome;
}

}  // namespace hf::cli
