#include "cli/shown_progress.h"

#include <unistd.h>

#include "cli/screen.h"

namespace hf::cli {

namespace {

constexpr auto kDrawEvery = std::chrono::milliseconds(125);    // 8 times a second: smooth, and nothing to a terminal
constexpr auto kLineEvery = std::chrono::seconds(30);
constexpr auto kEventEvery = std::chrono::seconds(1);

}  // namespace

ShownProgress::ShownProgress(Context& context, std::string title)
    : context_(context),
      form_(context.out.format() == Format::kJsonl                            ? Form::kEvents
            : context.out.format() == Format::kTable && context.out.color() ? Form::kDrawn
                                                                            : Form::kLines),
      view_(std::move(title), context.env.clock.mono()) {
  if (form_ == Form::kEvents) state_.on_phase([this] { look(); });
  context_.progress = Progress(state_);
  context_.progress.phase("opening the vault");
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ShownProgress::~ShownProgress() {
  thread_.request_stop();
  thread_.join();
  context_.progress = Progress();
  if (form_ == Form::kEvents) look();            // with what was done in the last phase
  if (form_ == Form::kDrawn) context_.out.draw({}, {});
}

void ShownProgress::run(const std::stop_token& stop) {
  const MonoTime::duration every = form_ == Form::kDrawn ? MonoTime::duration(kDrawEvery)
                                   : form_ == Form::kLines ? MonoTime::duration(kLineEvery)
                                                           : MonoTime::duration(kEventEvery);
  Clock& clock = context_.env.clock;
  while (clock.sleep_until(clock.mono() + every, stop)) look();
}

void ShownProgress::look() {
  const std::lock_guard lock(mutex_);
  view_.look(state_.sample(), context_.env.clock.mono());
  if (form_ == Form::kEvents) context_.out.event("progress", view_.event());
  if (form_ == Form::kLines) context_.out.note("holdfast: " + view_.line());
  if (form_ != Form::kDrawn) return;
  const Screen screen = screen_of(STDERR_FILENO);
  context_.out.draw(view_.lines(screen.columns - 1), screen);
}

}  // namespace hf::cli
