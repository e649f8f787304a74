// The safetensors header parser against a table of attacks. Which of them the reference reader
// rejects too is recorded in test/hostile/header.test.ts.
#include <string>
#include <string_view>

#include "core/foreign_file.h"
#include "core/safetensors_header.h"
#include "tests/check.h"

namespace retemper {
namespace {

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

SafetensorsHeader Parse(const std::string& json, uint64_t data_bytes) {
  return ParseSafetensorsHeader(Bytes(json), kHeaderPrefixBytes + json.size() + data_bytes);
}

std::string Tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape +
         "],\"data_offsets\":[" + offsets + "]}";
}

std::string Prefix(uint64_t length, const std::string& rest) {
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>(length >> (8 * i)));
  return file + rest;
}

// A one-tensor header around `entry`, over two bytes of data.
SafetensorsHeader ParseEntry(const std::string& entry) { return Parse("{\"a\":" + entry + "}", 2); }

TEST("reads names, dtypes, shapes, metadata and absolute offsets, in the order of the data") {
  const std::string json = "{\"__metadata__\":{\"format\":\"pt\",\"a\":\"\"}," +
                           Tensor("second", "F32", "1,1", "6,10") + " , \n" +
                           Tensor("first", "BF16", "3", "0,6") + "}   ";
  const SafetensorsHeader header = Parse(json, 10);
  CHECK_EQ(header.data_offset, 8 + json.size());
  CHECK_EQ(header.metadata.size(), 2u);
  CHECK_EQ(header.metadata[0].first + header.metadata[0].second, "formatpt");
  CHECK_EQ(header.tensors.size(), 2u);
  CHECK_EQ(header.tensors[0].name, "first");
  CHECK_EQ(std::string(header.tensors[0].dtype), "BF16");
  CHECK_EQ(header.tensors[0].begin, header.data_offset);
  CHECK_EQ(header.tensors[1].end, header.data_offset + 10);
  CHECK(header.tensors[1].shape == std::vector<uint64_t>({1, 1}));
}

TEST("accepts scalars, tensors without elements, an empty header and null metadata") {
  CHECK_EQ(Parse("{" + Tensor("s", "F64", "", "0,8") + "}", 8).tensors[0].shape.size(), 0u);
  CHECK_EQ(Parse("{" + Tensor("b", "U8", "2", "0,2") + "," + Tensor("e", "F32", "0,7", "0,0") +
                     "," + Tensor("f", "F32", "0", "2,2") + "}",
                 2)
               .tensors[0]
               .name,
           "e");
  CHECK_EQ(Parse("{}", 0).tensors.size(), 0u);
  CHECK_EQ(Parse("{\"__metadata__\":null}", 0).metadata.size(), 0u);
}

TEST("ignores unknown fields of a tensor, whatever their values, up to a fixed depth") {
  const std::string rest = ",\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}";
  ParseEntry(R"({"x":{"y":[1,-2.5e+3,true,false,null,"\n",{},[],{"z":{}}]})" + rest);
  const auto nested = [&](size_t depth) {
    return "{\"x\":" + std::string(depth, '[') + std::string(depth, ']') + rest;
  };
  ParseEntry(nested(100));
  CHECK_FAULT(code::kBadInput, "nested too deeply", ParseEntry(nested(1000)));
  CHECK_FAULT(code::kBadInput, "nested too deeply", ParseEntry(nested(1'000'000)));
}

TEST(
    "rejects a header length that is zero, beyond the limit or beyond the file, before anything is "
    "read") {
  const auto length = [](uint64_t claimed, const std::string& rest, uint64_t size) {
    return HeaderLength(Bytes(Prefix(claimed, rest)), size);
  };
  CHECK_EQ(length(2, "{}", 10), 2u);
  CHECK_FAULT(code::kBadInput, "limit is 100000000", length(UINT64_MAX, "{}", 10));
  CHECK_FAULT(code::kBadInput, "limit is 100000000", length(kMaxHeaderBytes + 1, "{}", 1ull << 40));
  CHECK_EQ(length(kMaxHeaderBytes, "{}", 1ull << 40), kMaxHeaderBytes);
  CHECK_FAULT(code::kBadInput, "does not fit the file", length(3, "{}", 10));
  CHECK_FAULT(code::kBadInput, "does not begin with '{'", length(0, "{}", 10));
  CHECK_FAULT(code::kBadInput, "does not begin with '{'", length(2, "[]", 10));
  CHECK_FAULT(code::kBadInput, "too short", HeaderLength(Bytes("abc"), 3));
  CHECK_FAULT(code::kBadInput, "is empty", HeaderLength(Bytes(""), 0));
}

TEST("says what a file of another kind is") {
  const auto refuse = [](const std::string& start, const std::string& what) {
    CHECK_FAULT(code::kBadInput, what, HeaderLength(Bytes(start), start.size()));
  };
  refuse("version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer");
  refuse("\n <!DOCTYPE html><html></html>", "HTML page");
  refuse("<html><body>404</body></html>", "HTML page");
  refuse(std::string("PK\x03\x04\x00\x00\x00\x00\x00\x00", 10), "zip archive");
  refuse("\x80\x02}q\x01(X\x05", "Python pickle");
  refuse(std::string("GGUF\x03\x00\x00\x00\x00\x00", 10), "GGUF");
  refuse("\x89HDF\r\n\x1a\n  ", "HDF5");
  refuse("{\"metadata\": {\"total_size\": 1}}", "JSON text");
  refuse(std::string(64, '\0'), "zeros only");
}

TEST(
    "rejects offsets that overlap, leave gaps, are reversed or do not start at 0, and names the "
    "tensor") {
  const auto two = [](const std::string& first, const std::string& second) {
    return Parse("{" + Tensor("a", "U8", "2", first) + "," + Tensor("b", "U8", "2", second) + "}",
                 4);
  };
  two("0,2", "2,4");
  CHECK_EQ(CHECK_FAULT(code::kBadInput, "overlaps tensor a", two("0,2", "1,3")).tensor, "b");
  CHECK_EQ(CHECK_FAULT(code::kBadInput, "overlaps tensor a", two("0,2", "0,2")).tensor, "b");
  CHECK_EQ(CHECK_FAULT(code::kBadInput, "gap of 1 bytes", two("0,2", "3,5")).tensor, "b");
  CHECK_EQ(CHECK_FAULT(code::kBadInput, "reversed", two("2,0", "2,4")).tensor, "a");
  CHECK_EQ(CHECK_FAULT(code::kBadInput, "instead of 0", two("1,3", "3,5")).tensor, "a");
}

TEST("rejects data that ends before or after the last tensor") {
  const std::string json = "{" + Tensor("a", "U8", "2", "0,2") + "}";
  CHECK_EQ(CHECK_FAULT(code::kBadInput, "1 bytes are missing", Parse(json, 1)).tensor, "a");
  CHECK_FAULT(code::kBadInput, "3 bytes after its last tensor", Parse(json, 5));
  CHECK_FAULT(code::kBadInput, "1 bytes after its last tensor", Parse("{}", 1));
}

TEST("rejects a size that is not shape times dtype, and products that overflow 64 bits") {
  const auto one = [](const std::string& dtype, const std::string& shape,
                      const std::string& offsets) {
    return Parse("{" + Tensor("a", dtype, shape, offsets) + "}", 8);
  };
  CHECK_FAULT(code::kBadInput, "takes 12 bytes, but its offsets span 8", one("F32", "3", "0,8"));
  CHECK_FAULT(code::kBadInput, "overflows", one("U8", "4194305,4194305,211106198978564", "0,8"));
  CHECK_FAULT(code::kBadInput, "overflows", one("F64", "4503599627370496,1024", "0,8"));
  CHECK_FAULT(code::kBadInput, "overflows",
              one("U8", "4503599627370496,4503599627370496,0", "0,0"));
}

TEST("rejects numbers that are not exact unsigned integers") {
  const auto offset = [](const std::string& end) {
    return ParseEntry("{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0," + end + "]}");
  };
  offset("2");
  for (const char* bad : {"-2", "-0", "2.0", "2e0", "02", "+2", "\"2\"", "null", "0x2", "2a", ""}) {
    CHECK_FAULT(code::kBadInput, "", offset(bad));
  }
  CHECK_FAULT(code::kBadInput, "64 bits", offset("18446744073709551616"));
  CHECK_FAULT(code::kBadInput, "64 bits", offset("99999999999999999999999999"));
  // 2^53 + 1, which a double would round to 2^53.
  CHECK_FAULT(code::kBadInput, "span 9007199254740993", offset("9007199254740993"));
}

TEST("rejects duplicate tensors, fields, metadata sections and metadata keys, escaped ones too") {
  const std::string a = Tensor("a", "U8", "2", "0,2");
  const std::string escaped = Tensor("\\u0061", "U8", "0", "2,2");
  CHECK_EQ(CHECK_FAULT(code::kBadInput, "twice", Parse("{" + a + "," + a + "}", 2)).tensor, "a");
  CHECK_EQ(CHECK_FAULT(code::kBadInput, "twice", Parse("{" + a + "," + escaped + "}", 2)).tensor,
           "a");
  CHECK_FAULT(code::kBadInput, "\"shape\" twice",
              ParseEntry(R"({"dtype":"U8","shape":[2],"shape":[2],"data_offsets":[0,2]})"));
  CHECK_FAULT(code::kBadInput, "\"x\" twice", Parse(R"({"__metadata__":{"x":"1","x":"1"}})", 0));
  CHECK_FAULT(code::kBadInput, "__metadata__ twice",
              Parse(R"({"__metadata__":{},"__metadata__":{}})", 0));
}

TEST("rejects unknown and sub-byte dtypes by name") {
  for (const char* dtype : {"F4", "F6_E2M3", "F6_E3M2", "F128", "f32", "", "C128", "INT8"}) {
    const Fault fault = CHECK_FAULT(code::kBadInput, std::string("unsupported dtype ") + dtype,
                                    Parse("{" + Tensor("q", dtype, "2", "0,1") + "}", 1));
    CHECK_EQ(fault.tensor, "q");
  }
  for (const char* dtype : {"F8_E4M3", "F8_E5M2", "F8_E8M0", "BOOL", "I8"}) {
    CHECK_EQ(DtypeBytes(dtype), 1u);
  }
  CHECK_EQ(DtypeBytes("C64"), 8u);
  CHECK_EQ(DtypeBytes("F4"), 0u);
}

TEST(
    "rejects bytes that are not UTF-8, byte order marks, lone surrogates, control characters and "
    "NUL") {
  const auto named = [](const std::string& name) {
    return Parse("{" + Tensor(name, "U8", "2", "0,2") + "}", 2).tensors[0].name;
  };
  CHECK_EQ(named("\\ud83d\\ude00 \\u00e9 \xE2\x82\xAC"), "\xF0\x9F\x98\x80 \xC3\xA9 \xE2\x82\xAC");
  for (const char* bad : {"\xFF", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80",
                          "\xF4\x90\x80\x80", "\xF0\x80\x80\x80", "\xE2\x82", "\x80"}) {
    CHECK_FAULT(code::kBadInput, "invalid UTF-8", named(bad));
    CHECK_FAULT(code::kBadInput, "invalid UTF-8", named(std::string("padding") + bad));
  }
  for (const char* bad : {"\\ud800", "\\ud800x", "\\ud800\\n", "\\udc00", "\\ud800\\ud800"}) {
    CHECK_FAULT(code::kBadInput, "surrogate", named(bad));
  }
  for (const char* bad : {"\\x", "\\u12", "\\u12g4", "\\"})
    CHECK_FAULT(code::kBadInput, "", named(bad));
  CHECK_FAULT(code::kBadInput, "NUL", named("a\\u0000b"));
  CHECK_FAULT(code::kBadInput, "control character", named("a\nb"));
  CHECK_FAULT(code::kBadInput, "byte order mark", Parse("\xEF\xBB\xBF{}", 0));
}

TEST("rejects JSON of another shape") {
  for (const char* bad :
       {"",
        " ",
        "[]",
        "null",
        "1",
        "{",
        "{}}",
        "{},",
        "{}x",
        "{\"a\":1}",
        "{\"a\":null}",
        "{\"a\":[\"U8\",[2],[0,2]]}",
        "{\"a\":{}}",
        "{\"a\":{\"dtype\":\"U8\"}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}",
        "{\"__metadata__\":[]}",
        "{\"__metadata__\":{\"x\":1}}",
        "{\"__metadata__\":{\"x\":null}}",
        "{\"a\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,2]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":2,\"data_offsets\":[0,2]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2,],\"data_offsets\":[0,2]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2,2]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},}",
        "{'a':{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}} // note"}) {
    CHECK_FAULT(code::kBadInput, "", Parse(bad, 2));
  }
  CHECK_FAULT(code::kBadInput, "after the header", Parse("{}" + std::string(6, '\0'), 0));
}

TEST("keeps messages short when names are long") {
  const std::string name(1'000'000, 'n');
  const Fault fault = CHECK_FAULT(code::kBadInput, "reversed",
                                  Parse("{" + Tensor(name, "U8", "2", "2,0") + "}", 2));
  CHECK(fault.tensor.size() < 300);
  CHECK_EQ(Parse("{" + Tensor(name, "U8", "2", "0,2") + "}", 2).tensors[0].name.size(),
           name.size());
}

TEST("reads a million tensors, and sorts them by offset") {
  constexpr int kCount = 1'000'000;
  std::string json = "{";
  for (int i = kCount; i-- > 0;) {
    const std::string begin = std::to_string(i);
    json += Tensor("layer." + begin, "U8", "1", begin + "," + std::to_string(i + 1));
    json += i == 0 ? "}" : ",";
  }
  const SafetensorsHeader header = Parse(json, kCount);
  CHECK_EQ(header.tensors.size(), static_cast<size_t>(kCount));
  CHECK_EQ(header.tensors[0].name, "layer.0");
  CHECK_EQ(header.tensors[kCount - 1].name, "layer.999999");
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
