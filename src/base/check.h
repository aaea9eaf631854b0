// HF_CHECK aborts on a bug, in release too. It is for what the program itself guarantees, never for input.
#pragma once

namespace hf {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}

#define HF_CHECK(condition) ((condition) ? static_cast<void>(0) : ::hf::check_failed(#condition, __FILE__, __LINE__))
