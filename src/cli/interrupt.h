// Ctrl-C in long commands of the vault: they end within 2 s at any moment, with exit code 130, and say what is durable and how
// to go on. First the store answers no more and the work unwinds; what has not ended then is cut off, as `kill -9` would:
// the vault is whole at every instant.
#pragma once

#include <string>

#include "cli/command.h"

namespace hf::cli {

class Interruptible {
 public:
  // `durable`: a sentence for the hint. REQUIRES: made before the vault is opened.
  Interruptible(Context& context, std::string durable);
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  Outcome told(Outcome outcome) const;  // an outcome that was interrupted, with the sentence

 private:
  Context& context_;
  std::string durable_;
};

}  // namespace hf::cli
