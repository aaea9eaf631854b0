// How each C++ type is read from a node, and the builder with which fields_*.cc write the table.
#pragma once

#include <type_traits>

#include "plan/fields.h"

namespace hf::plan {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

// Scalars and the values with a text form of their own; read.cc. Each leaves `out` alone after a finding.
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, std::string& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, int& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, bool& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, Micros& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, ClockTime& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, ClockWindow& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, Retention& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, Money& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, WallTime& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, SecretRef& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, Selection& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, Participants& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, Isolation& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field, Pairs& out);
void read_value(Reader& reader, const Node& node, const std::string& path, const Field& field,
                std::vector<Alert>& out);
// The position of the word in `words`, or -1 and a finding.
int read_word(Reader& reader, const Node& node, const std::string& path, const Field& field,
              const std::vector<std::string>& words);
// Names of a map's members must be usable in paths; false and a finding where one is not.
bool check_name(Reader& reader, const Member& member, const std::string& path);

template <class E>
std::vector<std::string> word_list() {
  std::vector<std::string> out;
  for (const EnumWord<E>& w : words_of<E>()) out.emplace_back(w.word);
  return out;
}

template <class T>
Type type_of() {
  Type type;
  if constexpr (IsOptional<T>::value)
    return type_of<typename T::value_type>();
  else if constexpr (std::is_same_v<T, std::string>)
    type.shape = Shape::kText;
  else if constexpr (std::is_same_v<T, int>)
    type.shape = Shape::kInteger;
  else if constexpr (std::is_same_v<T, bool>)
    type.shape = Shape::kBoolean;
  else if constexpr (std::is_same_v<T, Micros>)
    type.shape = Shape::kDuration;
  else if constexpr (std::is_same_v<T, ClockTime>)
    type.shape = Shape::kClock;
  else if constexpr (std::is_same_v<T, ClockWindow>)
    type.shape = Shape::kWindow;
  else if constexpr (std::is_same_v<T, Retention>)
    type.shape = Shape::kRetention;
  else if constexpr (std::is_same_v<T, Money>)
    type.shape = Shape::kMoney;
  else if constexpr (std::is_same_v<T, WallTime>)
    type.shape = Shape::kDate;
  else if constexpr (std::is_same_v<T, SecretRef>)
    type.shape = Shape::kSecret;
  else if constexpr (std::is_same_v<T, Selection>)
    type.shape = Shape::kSelection;
  else if constexpr (std::is_same_v<T, Participants>)
    type.shape = Shape::kParticipants;
  else if constexpr (std::is_same_v<T, Isolation>)
    type.shape = Shape::kIsolation;
  else if constexpr (std::is_same_v<T, Pairs>)
    type.shape = Shape::kPairs;
  else if constexpr (std::is_same_v<T, std::vector<Alert>>)
    type.shape = Shape::kAlerts;
  else if constexpr (std::is_enum_v<T>) {
    type.shape = Shape::kWord;
    type.words = word_list<T>();
  } else if constexpr (IsVector<T>::value) {
    type.shape = Shape::kList;
    type.element.push_back(type_of<typename T::value_type>());
  } else {
    type.shape = Shape::kObject;
    type.object = +[] { return &object_of<T>(); };
  }
  return type;
}

template <class T>
void read_any(Reader& reader, const Node& node, const std::string& path, const Field& field, T& out) {
  if constexpr (IsOptional<T>::value) {
    typename T::value_type value{};
    std::size_t before = reader.findings.size();
    read_any(reader, node, path, field, value);
    bool is_object = type_of<T>().shape == Shape::kObject;
    if (reader.findings.size() == before || is_object) out = std::move(value);
  } else if constexpr (std::is_enum_v<T>) {
    int at = read_word(reader, node, path, field, word_list<T>());
    if (at >= 0) out = words_of<T>()[static_cast<std::size_t>(at)].value;
  } else if constexpr (IsVector<T>::value && !std::is_same_v<T, Pairs> && !std::is_same_v<T, std::vector<Alert>>) {
    if (!reader.is_list(node, path, field)) return;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      typename T::value_type value{};
      std::string at = item_path(path, node.items[i], i);
      reader.places[at] = item_place(node.items[i]);
      read_any(reader, node.items[i], at, field, value);
      out.push_back(std::move(value));
    }
  } else if constexpr (std::is_class_v<T> &&
                       requires(Reader& r, const Node& n, T& o) { read_value(r, n, "", field, o); }) {
    read_value(reader, node, path, field, out);
  } else if constexpr (std::is_class_v<T>) {
    reader.object(object_of<T>(), node, path, &out);
  } else {
    read_value(reader, node, path, field, out);
  }
}

// A map of names to objects, kept in the order of the file.
template <class T>
void read_named(Reader& reader, const Node& node, const std::string& path, const Field& field, std::vector<T>& out) {
  if (!reader.is_map(node, path, field.name)) return;
  for (const Member& member : node.members) {
    if (!check_name(reader, member, path)) continue;
    T value{};
    std::string at = path.empty() ? member.key : path + "." + member.key;
    value.name = member.key;
    reader.places[at] = member.key_place;
    if constexpr (requires { value.place; }) {
      value.place = member.key_place;
      value.place.path = at;
    }
    reader.object(object_of<T>(), member.value, at, &value);
    out.push_back(std::move(value));
  }
}

// Writes one ObjectType: Builder<Vault>("vault", "...").field("url", &Vault::url, {.doc = "..."}).
template <class T>
class TypeBuilder {
 public:
  TypeBuilder(std::string name, std::string doc) {
    type_.name = std::move(name);
    type_.doc = std::move(doc);
    type_.identify = [](void* object, [[maybe_unused]] const std::string& path, [[maybe_unused]] const Place& place) {
      [[maybe_unused]] T& out = *static_cast<T*>(object);
      if constexpr (requires { out.place; }) {
        if (out.place.line == 0) out.place = place;
        out.place.path = path;
      }
    };
  }

  template <class M>
  TypeBuilder& field(const std::string& name, M T::* member, Note note) {
    Field f = base<M>(name, std::move(note));
    f.read = [member](Reader& r, const Node& n, const std::string& p, const Field& self, void* o) {
      read_any(r, n, p, self, static_cast<T*>(o)->*member);
    };
    type_.fields.push_back(std::move(f));
    return *this;
  }

  // A member of a member: for fields that the file has side by side and the types group.
  template <class G, class M>
  TypeBuilder& field(const std::string& name, G T::* group, M G::* member, Note note) {
    Field f = base<M>(name, std::move(note));
    f.read = [group, member](Reader& r, const Node& n, const std::string& p, const Field& self, void* o) {
      read_any(r, n, p, self, (static_cast<T*>(o)->*group).*member);
    };
    type_.fields.push_back(std::move(f));
    return *this;
  }

  template <class I>
  TypeBuilder& named(const std::string& name, std::vector<I> T::* member, Note note) {
    Field f = base<I>(name, std::move(note));
    f.type.shape = Shape::kNamed;
    f.read = [member](Reader& r, const Node& n, const std::string& p, const Field& self, void* o) {
      read_named(r, n, p, self, static_cast<T*>(o)->*member);
    };
    type_.fields.push_back(std::move(f));
    return *this;
  }

  // The key's value is the object itself: `dns: {...}` of a step.
  TypeBuilder& self(const std::string& name, Note note) {
    Field f = base<T>(name, std::move(note));
    f.read = [](Reader& r, const Node& n, const std::string& p, const Field&, void* o) {
      r.object(object_of<T>(), n, p, o);
    };
    type_.fields.push_back(std::move(f));
    return *this;
  }

  TypeBuilder& objectives(Objectives T::* group, const std::string& whose) {
    return field("rto", group, &Objectives::rto,
                 {.doc = "recovery time objective " + whose, .example = "1h", .positive = true})
        .field("rpo", group, &Objectives::rpo,
               {.doc = "recovery point objective " + whose + "; 0s: no acknowledged change may be lost",
                .example = "15m"})
        .field("mttr", group, &Objectives::mttr,
               {.doc = "mean time to recovery " + whose, .example = "2h", .positive = true})
        .field("data_loss", group, &Objectives::data_loss, {.doc = "tolerated data loss " + whose, .example = "1h"});
  }

  TypeBuilder& variant_key(const std::string& key) {
    type_.variant_key = key;
    return *this;
  }

  // `fields` is a type of its own, so that a struct may be both an object and the carrier of a step's keys.
  template <class V, class Whole>
  TypeBuilder& variant(const std::string& tag, Whole T::* member, const ObjectType* (*fields)()) {
    type_.variants.push_back(
        {tag, fields, [member](void* o) -> void* { return &(static_cast<T*>(o)->*member).template emplace<V>(); }});
    return *this;
  }

  TypeBuilder& check(std::function<void(Reader&, const Node&, const std::string&, const T&)> f) {
    type_.check = [f = std::move(f)](Reader& r, const Node& n, const std::string& p, const void* o) {
      f(r, n, p, *static_cast<const T*>(o));
    };
    return *this;
  }

  ObjectType done() { return std::move(type_); }

 private:
  template <class M>
  Field base(const std::string& name, Note note) {
    Field f;
    f.name = name;
    f.type = type_of<M>();
    f.note = std::move(note);
    if (f.note.dsn) f.type.shape = Shape::kDsn;
    Type& scalar = f.type.element.empty() ? f.type : f.type.element[0];
    if (!f.note.words.empty() && scalar.shape == Shape::kText) {
      scalar.shape = Shape::kWord;
      scalar.words = f.note.words;
    }
    return f;
  }

  ObjectType type_;
};

}  // namespace hf::plan
