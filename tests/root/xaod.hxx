// A tree as the files of analyses in ATLAS have it: links between objects, containers, vectors of vectors, maps. Its
// classes need a dictionary, and with it a compiler; see oracle.py.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>
#include <TFile.h>
#include <TTree.h>

namespace xAOD {
class Jet_v1 { public: float x = 0; virtual ~Jet_v1() {} };
class AuxContainerBase { public: int n = 0; virtual ~AuxContainerBase() {} };
}
template <class T> class DataVector { public: std::vector<T *> m_vec; virtual ~DataVector() {} };
template <class T> class ElementLink { public: unsigned int m_persKey = 0, m_persIndex = 0; };
struct Empty {};
struct WithEmpty { int i; Empty n; float f; };

inline void write_xaod(const char *path, int n_events, int n_containers) {
  typedef ElementLink<DataVector<xAOD::Jet_v1>> Link;
  TFile file(path, "RECREATE");
  TTree tree("t", "xAOD event tree");
  int number; std::vector<float> pt; std::vector<std::vector<Link>> links; std::vector<Link> link;
  std::vector<std::vector<int>> deep; std::vector<std::vector<std::vector<int>>> deeper; std::vector<std::string> words;
  DataVector<xAOD::Jet_v1> jets; xAOD::AuxContainerBase aux; std::map<std::string, std::vector<int>> map;
  std::vector<unsigned char> bytes; std::vector<std::set<int>> sets; std::vector<std::vector<bool>> flags;
  std::vector<std::map<std::string, int>> maps; WithEmpty with_empty; std::vector<Empty> empties;
  for (int c = 0; c < n_containers; c++) {
    auto name = [c](const char *what) { return TString::Format("C%dAuxDyn.%s", c, what); };
    tree.Branch(name("pt"), &pt); tree.Branch(name("eta"), &pt); tree.Branch(name("n"), &number, name("n/I"));
    tree.Branch(name("links"), &links); tree.Branch(name("link"), &link, 32000, 0); tree.Branch(name("deep"), &deep);
    tree.Branch(name("deeper"), &deeper); tree.Branch(name("words"), &words); tree.Branch(name("bytes"), &bytes);
    tree.Branch(name("map"), &map, 32000, 0); tree.Branch(name("maps"), &maps); tree.Branch(name("flags"), &flags);
    tree.Branch(TString::Format("C%dAux.", c), &aux, 32000, 0); tree.Branch(TString::Format("C%d", c), &jets, 32000, 0);
  }
  tree.Branch("sets", &sets); tree.Branch("with_empty", &with_empty, 32000, 0); tree.Branch("empties", &empties);
  for (int i = 0; i < n_events; i++) {
    int k = i % 4; Link own; own.m_persKey = i; own.m_persIndex = k;
    number = aux.n = i; pt.assign(k, i * 0.5f); link.assign(k, own); links.assign(k, link); map.clear();
    deep.assign(k, std::vector<int>(k, i)); deeper.assign(k, deep); words.assign(k, "trigger"); bytes.assign(k, i);
    for (int j = 0; j < k; j++) map["k" + std::to_string(j)] = {i, j};
    sets.assign(k, {i, i + 1}); flags.assign(k, {true, false}); maps.assign(k, {{"a", i}});
    with_empty.i = i; with_empty.f = i; empties.resize(k);
    tree.Fill();
  }
  tree.Write();
}
