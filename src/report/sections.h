// The sections of the document, in its order. Each writes what the plan says and what was measured of it.
#pragma once

#include "report/document.h"
#include "report/markdown.h"

namespace hf::report {

struct Pages {
  const DocumentInput& input;
  const Figures& figures;
  Markdown& out;
  std::vector<std::string>& not_measured;

  // A measured duration with its footnote, or "not measured", which is noted.
  std::string duration(const std::string& name, const std::string& component = {});
  std::string test_date(const std::string& name, const std::string& component = {});
  std::string missing(const std::string& what);
};

void write_objectives(Pages& p);
void write_classes(Pages& p);
void write_architecture(Pages& p);
void write_backups(Pages& p);
void write_failover(Pages& p);
void write_recovery(Pages& p);
void write_testing(Pages& p);
void write_communication(Pages& p);
void write_compliance(Pages& p);
void write_cost(Pages& p);

inline constexpr std::string_view kFailoverChart = "chart: the last failover, step by step";

}  // namespace hf::report
