// Trees and RNTuples that a reader does not expect, each written by one function; see oracle.py.
#include <array>
#include <bitset>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>
#include <ROOT/RNTupleModel.hxx>
#include <ROOT/RNTupleWriter.hxx>
#include <TClonesArray.h>
#include <TFile.h>
#include <TH1.h>
#include <TLorentzVector.h>
#include <TRef.h>
#include <TString.h>
#include <TTree.h>
#include <TVector3.h>

struct Link { unsigned int m_persKey; unsigned int m_persIndex; };
struct Nothing {};
struct Inner { float a; std::vector<int> v; };
struct Outer { int n; Inner inner; std::vector<Inner> many; Nothing none; bool flag; };
struct Bools { bool a; bool b; };

// Branches with more and with fewer entries than their tree, which has 10.
void write_lengths(const char *path) {
  TFile file(path, "RECREATE");
  TTree tree("t", "lengths");
  double x; float longer; int shorter; int n; float jag[9]; std::vector<float> v; std::vector<std::vector<float>> vv;
  auto *bx = tree.Branch("x", &x, "x/D"), *bl = tree.Branch("longer", &longer, "longer/F");
  auto *bs = tree.Branch("shorter", &shorter, "shorter/I"), *bn = tree.Branch("n", &n, "n/I");
  auto *bj = tree.Branch("jag", jag, "jag[n]/F"), *bv = tree.Branch("v", &v), *bvv = tree.Branch("vv", &vv);
  for (int i = 0; i < 12; i++) {
    x = longer = shorter = i; n = i % 3; v.assign(n, i); vv.assign(n, v);
    for (int k = 0; k < n; k++) jag[k] = i;
    if (i < 10) { bx->Fill(); bn->Fill(); bj->Fill(); }
    bl->Fill();
    if (i < 7) { bs->Fill(); bv->Fill(); bvv->Fill(); }
  }
  tree.SetEntries(10);
  tree.Write();
}

// Booleans of bytes that are neither 0 nor 1, as of memory that nobody set.
void write_bools(const char *path, int n_events) {
  TFile file(path, "RECREATE");
  TTree tree("t", "bools");
  bool o; bool fixed[3]; int n; bool jag[8]; Bools bb;
  tree.Branch("o", &o, "o/O"); tree.Branch("fixed", fixed, "fixed[3]/O"); tree.Branch("n", &n, "n/I");
  tree.Branch("jag", jag, "jag[n]/O"); tree.Branch("leaves", &bb, "a/O:b/O");
  auto set = [](bool *where, int byte) { memset(where, byte, 1); };
  for (int i = 0; i < n_events; i++) {
    set(&o, i % 3 * 7); n = i % 5; set(&bb.a, i % 7); set(&bb.b, i % 2 * 255);
    for (int k = 0; k < 3; k++) set(fixed + k, (i + k) % 4);
    for (int k = 0; k < n; k++) set(jag + k, i * k % 5 * 51);
    tree.Fill();
  }
  tree.Write();
}

// Counters of every type of integer, and titles that say more than a list of leaves.
void write_counters(const char *path, int n_events) {
  TFile file(path, "RECREATE");
  TTree tree("t", "counters");
  unsigned int n1; long long n2; unsigned char n3; unsigned short n4; unsigned long long n5; short n6; char n7;
  float x[7][8];
  tree.Branch("nA", &n1, "nA/i")->SetTitle("number of A"); tree.Branch("nB", &n2, "nB/L");
  tree.Branch("nC", &n3, "nC/b"); tree.Branch("n" "D", &n4, "n" "D/s"); tree.Branch("nE", &n5, "nE/l");
  tree.Branch("nG", &n6, "nG/S"); tree.Branch("nH", &n7, "nH/B");
  const char *names = "ABCDEGH";
  for (int j = 0; j < 7; j++)
    tree.Branch(Form("%c_x", names[j]), x[j], Form("%c_x[n%c]/F", names[j], names[j]))->SetTitle(Form("x of %c", names[j]));
  for (int i = 0; i < n_events; i++) {
    n1 = i % 3; n2 = i % 4; n3 = i % 5; n4 = i % 6; n5 = i % 7; n6 = i % 8; n7 = i % 2;
    for (int j = 0; j < 7; j++) for (int k = 0; k < 8; k++) x[j][k] = i + k * 0.5 + j;
    tree.Fill();
  }
  tree.Write();
}

// Baskets that end at other events in each branch.
void write_baskets(const char *path, int n_events) {
  TFile file(path, "RECREATE");
  TTree tree("t", "baskets");
  tree.SetAutoFlush(0);
  double x; int n; float jag[9]; std::vector<float> v; std::string word; std::vector<std::string> words; TRef ref;
  tree.Branch("x", &x, "x/D", 200); tree.Branch("n", &n, "n/I", 300); tree.Branch("jag", jag, "jag[n]/F", 450);
  tree.Branch("v", &v, 500); tree.Branch("word", &word, 700); tree.Branch("words", &words, 900);
  tree.Branch("ref", &ref, 150);
  for (int i = 0; i < n_events; i++) {
    x = i / 3.; n = i % 4; v.assign(i % 3, i); word = std::string(i % 5, 'a' + i % 26); words.assign(i % 3, word);
    for (int k = 0; k < n; k++) jag[k] = i + k;
    tree.Fill();
  }
  tree.Write();
}

// Three cycles of a tree, and a histogram that is newer than all of them and has their name.
void write_cycles(const char *path) {
  TFile file(path, "RECREATE");
  for (int cycle = 1; cycle < 4; cycle++) {
    TTree tree("t", Form("cycle %d", cycle));
    int x; tree.Branch("x", &x, "x/I");
    for (x = 0; x < cycle; x++) tree.Fill();
    tree.Write();
  }
  TH1F histogram("t", "no tree", 2, 0, 1);
  histogram.Write();
}

// Objects: what uproot reads of them, and what it does not.
void write_objects(const char *path, int n_events) {
  TFile file(path, "RECREATE");
  TTree tree("t", "objects");
  Link link; std::map<std::string, float> numbers; std::map<std::string, std::string> texts; std::set<int> set;
  std::pair<int, float> pair; std::vector<TVector3> vectors; TString text; TClonesArray clones("TVector3"); Outer outer;
  Nothing none; std::array<float, 3> array; std::vector<std::pair<int, int>> pairs; TRef ref;
  std::vector<std::string> words; std::vector<char> letters; std::vector<TString> texts_of_root;
  std::vector<unsigned char> bytes; TClonesArray *pointer = &clones;
  tree.Branch("link", &link); tree.Branch("numbers", &numbers); tree.Branch("texts", &texts); tree.Branch("set", &set);
  tree.Branch("pair", &pair); tree.Branch("vectors", &vectors); tree.Branch("text", &text);
  tree.Branch("clones", &pointer, 32000, 0); tree.Branch("split", &pointer, 32000, 2); tree.Branch("outer", &outer);
  tree.Branch("whole", &outer, 32000, 0); tree.Branch("none", &none); tree.Branch("array", &array);
  tree.Branch("pairs", &pairs); tree.Branch("ref", &ref); tree.Branch("words", &words);
  tree.Branch("letters", &letters); tree.Branch("texts_of_root", &texts_of_root); tree.Branch("bytes", &bytes);
  for (int i = 0; i < n_events; i++) {
    int k = i % 4;
    link = {(unsigned)i, (unsigned)k}; numbers.clear(); texts.clear(); set.clear(); clones.Clear();
    for (int j = 0; j < k; j++) {
      numbers["key" + std::to_string(j)] = i + j; texts["k" + std::to_string(j)] = "value"; set.insert(i * j);
      new (clones[j]) TVector3(i, j, 0);
    }
    pair = {i, i * 0.5f}; vectors.assign(k, TVector3(i, 1, 2)); text = Form("text %d", i);
    outer.n = i; outer.inner = {i * 1.f, std::vector<int>(k, i)}; outer.many.assign(k, outer.inner); outer.flag = i % 2;
    array = {i * 1.f, 1, 2}; pairs.assign(k, {i, k}); words.assign(k, "hello"); letters.assign(k, 'a' + k);
    texts_of_root.assign(k, text); bytes.assign(k, i);
    tree.Fill();
  }
  tree.Write();
}

// An RNTuple with fields of every type that needs no dictionary, in clusters of 25 entries.
void write_fields(const char *path, int n_events) {
  auto model = ROOT::RNTupleModel::Create();
  model->SetDescription("every type of field");
  auto described = std::make_unique<ROOT::RField<float>>("f"); described->SetDescription("momentum in GeV");
  auto half = std::make_unique<ROOT::RField<float>>("half"); half->SetHalfPrecision();
  auto short_ = std::make_unique<ROOT::RField<float>>("truncated"); short_->SetTruncated(20);
  auto grid = std::make_unique<ROOT::RField<float>>("quantised"); grid->SetQuantized(0, 100, 12);
  model->AddField(std::move(described)); model->AddField(std::move(half));
  model->AddField(std::move(short_)); model->AddField(std::move(grid));
  auto b = model->MakeField<bool>("b"); auto i8 = model->MakeField<std::int8_t>("i8");
  auto u32 = model->MakeField<std::uint32_t>("u32"); auto i64 = model->MakeField<std::int64_t>("i64");
  auto d = model->MakeField<double>("d"); auto text = model->MakeField<std::string>("text");
  auto flags = model->MakeField<std::vector<bool>>("flags"); auto bits = model->MakeField<std::bitset<12>>("bits");
  auto deep = model->MakeField<std::vector<std::vector<float>>>("deep");
  auto words = model->MakeField<std::vector<std::string>>("words");
  auto grid2 = model->MakeField<std::array<std::array<int, 2>, 2>>("grid");
  auto rows = model->MakeField<std::vector<std::array<float, 2>>>("rows");
  auto maybe = model->MakeField<std::optional<int>>("maybe");
  auto either = model->MakeField<std::variant<int, std::string>>("either");
  auto pair = model->MakeField<std::pair<int, float>>("pair");
  auto tuple = model->MakeField<std::tuple<int, float, std::string>>("tuple");
  auto map = model->MakeField<std::map<std::string, float>>("map"); auto set = model->MakeField<std::set<int>>("set");
  auto large = model->MakeField<std::array<float, 300>>("large");
  TFile file(path, "RECREATE");
  auto writer = ROOT::RNTupleWriter::Append(std::move(model), "t", file);
  auto entry = writer->GetModel().GetDefaultEntry().GetPtr<float>("f");
  auto &own = writer->GetModel().GetDefaultEntry();
  for (int i = 0; i < n_events; i++) {
    int n = i % 4; std::vector<float> v(n, i);
    *own.GetPtr<float>("f") = i * 0.37f; *own.GetPtr<float>("half") = i % 50;
    *own.GetPtr<float>("truncated") = i * 0.1f; *own.GetPtr<float>("quantised") = i % 100;
    *b = i % 2; *i8 = i - 100; *u32 = i * 1000u; *i64 = -(1ll << 60) + i; *d = i / 7.; *text = "s" + std::to_string(i);
    flags->assign(n, i % 3 == 0); *bits = std::bitset<12>(i); deep->assign(n, v); words->assign(n, "w");
    *grid2 = {{{i, 1}, {2, 3}}}; rows->assign(n, {i * 1.f, 2});
    if (i % 3) *maybe = i; else maybe->reset();
    if (i % 2) *either = i; else *either = std::string("v");
    *pair = {i, 1.5f}; *tuple = {i, 2.5f, "t"}; map->clear(); set->clear(); large->fill(i);
    for (int k = 0; k < n; k++) { (*map)["k" + std::to_string(k)] = i; set->insert(i + k); }
    writer->Fill();
    if ((i + 1) % 25 == 0) writer->CommitCluster();
  }
}

// An RNTuple with lists of records whose members, and numbers, are fields by projection, as RNTupleImporter makes them:
// one with all of them, one without a number, one with a member that is nowhere else; and a number that is shown twice.
void write_projected(const char *path, int n_events) {
  using ROOT::RField, ROOT::RFieldBase;
  struct Jet { float pt; std::int32_t id; bool tag; std::vector<int> hits; };
  struct Object { float pt; double eta; };
  struct Track { float pt; float cov[2]; };
  auto model = ROOT::RNTupleModel::CreateBare();
  using Fields = std::vector<std::unique_ptr<RFieldBase>>;
  auto add = [&](const char *name, const char *title, Fields members) {
    auto record = std::make_unique<ROOT::RRecordField>("_0", std::move(members));
    auto lists = ROOT::RVectorField::CreateUntyped(name, std::move(record)); lists->SetDescription(title);
    model->AddField(std::move(lists));
  };
  auto project = [&](std::unique_ptr<RFieldBase> field, std::string lists, std::string member, const char *title) {
    std::string name = field->GetFieldName(); field->SetDescription(title);
    model->AddProjectedField(std::move(field), [=](const std::string &own) {
      return own == name ? lists : lists + "._0." + member + own.substr(name.size() + 3);
    });
  };
  model->AddField(std::make_unique<RField<float>>("x"));
  Fields jet; jet.push_back(std::make_unique<RField<float>>("pt"));
  jet.push_back(std::make_unique<RField<std::int32_t>>("id")); jet.push_back(std::make_unique<RField<bool>>("tag"));
  jet.push_back(std::make_unique<RField<std::vector<int>>>("hits"));
  add("Jet", "slimmed jets", std::move(jet));
  Fields object; object.push_back(std::make_unique<RField<float>>("pt"));
  object.push_back(std::make_unique<RField<double>>("eta"));
  add("_collection1", "", std::move(object));
  model->AddField(std::make_unique<RField<double>>("y"));
  Fields track; track.push_back(std::make_unique<RField<float>>("pt"));
  track.push_back(std::make_unique<RField<std::array<float, 2>>>("cov"));
  add("Track", "", std::move(track));
  project(std::make_unique<RField<ROOT::RVec<float>>>("Jet_pt"), "Jet", "pt", "transverse momentum");
  project(std::make_unique<RField<ROOT::RVec<std::int32_t>>>("Jet_id"), "Jet", "id", "");
  project(std::make_unique<RField<ROOT::RVec<bool>>>("Jet_tag"), "Jet", "tag", "");
  project(std::make_unique<RField<std::vector<std::vector<int>>>>("Jet_hits"), "Jet", "hits", "hits of each jet");
  auto number = std::make_unique<RField<ROOT::RNTupleCardinality<std::uint32_t>>>("nJet");
  number->SetDescription("the number of jets");
  model->AddProjectedField(std::move(number), [](const std::string &) { return "Jet"; });
  project(std::make_unique<RField<std::vector<float>>>("pt"), "_collection1", "pt", "");
  project(std::make_unique<RField<std::vector<double>>>("eta"), "_collection1", "eta", "");
  project(std::make_unique<RField<std::vector<float>>>("Track_pt"), "Track", "pt", "");
  model->AddProjectedField(std::make_unique<RField<float>>("same"), [](const std::string &) { return "x"; });
  model->Freeze();
  TFile file(path, "RECREATE");
  auto writer = ROOT::RNTupleWriter::Append(std::move(model), "t", file);
  float x; double y; std::vector<Jet> jets; std::vector<Object> objects; std::vector<Track> tracks;
  auto entry = writer->GetModel().CreateBareEntry();
  entry->BindRawPtr<void>("x", &x); entry->BindRawPtr<void>("y", &y); entry->BindRawPtr<void>("Jet", &jets);
  entry->BindRawPtr<void>("_collection1", &objects); entry->BindRawPtr<void>("Track", &tracks);
  for (int i = 0; i < n_events; i++) {
    x = i * 0.37f; y = i / 7.; jets.clear(); objects.clear(); tracks.clear();
    for (int k = 0; k < i % 4; k++) {
      jets.push_back({20 + k + i * 0.01f, k * i, (k + i) % 2 == 0, std::vector<int>(k, i)});
      tracks.push_back({i * 0.5f + k, {k * 1.f, i * 1.f}});
    }
    for (int k = 0; k < i % 3; k++) objects.push_back({i + k * 0.5f, i / 3. - k});
    writer->Fill(*entry);
    if ((i + 1) % 25 == 0) writer->CommitCluster();
  }
}

void write_odd(const char *folder, int n_events) {
  TString f = folder;
  write_lengths(f + "/lengths.root"); write_bools(f + "/bools.root", n_events);
  write_counters(f + "/counters.root", n_events); write_baskets(f + "/baskets.root", n_events);
  write_cycles(f + "/cycles.root"); write_objects(f + "/objects.root", n_events);
  write_objects(f + "/no_objects.root", 0); write_fields(f + "/fields.root", n_events);
  write_fields(f + "/no_fields.root", 0); write_projected(f + "/projected.root", n_events);
}
