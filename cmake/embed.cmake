# The texts that module lab carries: generated from the files in demo/, again when they change.
foreach(pair kDemoPlan=plan.yaml.in kMissionOrder=mission-order.yaml)
  string(REGEX MATCH "^(.*)=(.*)$" _ ${pair})
  set(name ${CMAKE_MATCH_1})
  set(file ${CMAKE_SOURCE_DIR}/demo/${CMAKE_MATCH_2})
  file(READ ${file} content)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  string(APPEND embedded "const std::string_view ${name} = R\"text(${content})text\";\n")
endforeach()
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/generated/embedded.cc CONTENT
"#include \"lab/embedded.h\"\nnamespace hf::lab {\n${embedded}}  // namespace hf::lab\n")
target_sources(hf_lab PRIVATE ${CMAKE_BINARY_DIR}/generated/embedded.cc)
