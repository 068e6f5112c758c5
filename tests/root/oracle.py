"""ROOT itself, in a process of its own: writes a tree of every type of branch, reads any tree or RNTuple.

python oracle.py write FILE N_EVENTS
python oracle.py wide FILE N_EVENTS N_FLAGS COMPRESSION    (a tree as nanoAOD has them)
python oracle.py import TREES TREE FILE    (an RNTuple of a tree, with projections)
python oracle.py odd FOLDER N_EVENTS    (the trees and RNTuples of odd.hxx and xaod.hxx, a file each)
python oracle.py read FILE TREE [COLUMN ...]    (prints JSON: the values by column, of all that it knows the type of)
"""

import contextlib
import json
import re
import sys
import tempfile
import warnings
from pathlib import Path

KINDS = r"""
#include <string>
#include <vector>
#include <TFile.h>
#include <TLorentzVector.h>
#include <TTree.h>

void write_kinds(const char *path, int n_events) {
  TFile file(path, "RECREATE");
  TTree tree("Events", "every type of branch");
  bool o; char b; unsigned char ub; short s; unsigned short us; int i; unsigned ui; long long l; unsigned long long ul;
  float f; double d; Double32_t d32, d32range; Float16_t f16;
  float fixed[3]; int grid[2][3]; char text[20];
  int n; float pt[8]; bool tag[8]; float cov[8][2]; Double32_t packed[8];
  std::vector<float> v; std::vector<int> vi; std::vector<bool> vo; std::vector<unsigned char> vub;
  std::vector<std::string> words; std::vector<std::vector<float>> deep; std::string word; TLorentzVector p4;
  struct { float a; int b; } leaves;
  tree.Branch("o", &o, "o/O"); tree.Branch("b", &b, "b/B"); tree.Branch("ub", &ub, "ub/b");
  tree.Branch("s", &s, "s/S"); tree.Branch("us", &us, "us/s"); tree.Branch("i", &i, "i/I");
  tree.Branch("ui", &ui, "ui/i"); tree.Branch("l", &l, "l/L"); tree.Branch("ul", &ul, "ul/l");
  tree.Branch("f", &f, "f/F"); tree.Branch("d", &d, "d/D");
  tree.Branch("d32", &d32, "d32/d"); tree.Branch("d32range", &d32range, "d32range/d[0,10,16]");
  tree.Branch("f16", &f16, "f16/f[0,100,12]");
  tree.Branch("fixed", fixed, "fixed[3]/F"); tree.Branch("grid", grid, "grid[2][3]/I");
  tree.Branch("text", text, "text/C");
  tree.Branch("nJet", &n, "nJet/I"); tree.Branch("Jet_pt", pt, "Jet_pt[nJet]/F");
  tree.Branch("Jet_tag", tag, "Jet_tag[nJet]/O"); tree.Branch("Jet_cov", cov, "Jet_cov[nJet][2]/F");
  tree.Branch("Jet_packed", packed, "Jet_packed[nJet]/d[0,0,20]");
  tree.Branch("v", &v); tree.Branch("vi", &vi); tree.Branch("vo", &vo); tree.Branch("vub", &vub);
  tree.Branch("words", &words); tree.Branch("deep", &deep); tree.Branch("word", &word);
  tree.Branch("leaves", &leaves, "a/F:b/I"); tree.Branch("p4", &p4);
  for (int e = 0; e < n_events; e++) {
    o = e % 3 == 0; b = e % 200 - 100; ub = e % 256; s = e * 7 - 1000; us = e * 11; i = e * 1000 - 7; ui = e * 100000u;
    l = -(1ll << 60) + e; ul = (1ull << 63) + e; f = e * 0.37f; d = e / 7.0; d32 = e / 3.0; d32range = e % 100 / 10.0;
    f16 = e % 100;
    for (int k = 0; k < 3; k++) { fixed[k] = e + 0.1f * k; grid[0][k] = e * 10 + k; grid[1][k] = -e * 10 - k; }
    snprintf(text, 20, "event %d", e);
    n = e % 5;
    for (int k = 0; k < n; k++) {
      pt[k] = 20 + k + e * 0.01f; tag[k] = (k + e) % 2; cov[k][0] = k; cov[k][1] = e; packed[k] = k * 1.1 + e;
    }
    v.clear(); vi.clear(); vo.clear(); vub.clear(); words.clear(); deep.clear();
    for (int k = 0; k < e % 4; k++) {
      v.push_back(k + e * 0.5f); vi.push_back(k * e); vo.push_back(k % 2); vub.push_back(k + e);
      words.push_back("word " + std::to_string(k)); deep.push_back(std::vector<float>(k, e));
    }
    word = e % 2 ? "odd" : ""; leaves = {e * 2.5f, e}; p4.SetPxPyPzE(e, 1, 2, e + 10);
    tree.Fill();
  }
  tree.Write();
}
"""


WIDE = r"""
#include <TFile.h>
#include <TRandom3.h>
#include <TTree.h>

void write_wide(const char *path, int n_events, int n_flags, int compression) {
  TFile file(path, "RECREATE", "", compression);
  TTree tree("Events", "Events");
  const int n_collections = 6, n_columns = 20, most = 200;
  const char *names[n_collections] = {"Jet", "Muon", "Tau", "FatJet", "GenPart", "TrigObj"};
  const double means[n_collections] = {8, 2, 2, 2, 60, 20};
  std::vector<char> flags(n_flags);
  std::vector<float> met(n_flags / 10);
  int counts[n_collections];
  static float values[n_collections][n_columns][most];
  for (int i = 0; i < n_flags / 10; i++) {
    tree.Branch(Form("MET_variable%d", i), (void *)&met[i], Form("MET_variable%d/F", i))
        ->SetTitle("missing momentum of the particle flow, variation");
  }
  for (int c = 0; c < n_collections; c++) {
    tree.Branch(Form("n%s", names[c]), (void *)&counts[c], Form("n%s/I", names[c]))
        ->SetTitle(Form("slimmed %s", names[c]));
    for (int k = 0; k < n_columns; k++) {
      TString name = Form("%s_variable%d", names[c], k);
      tree.Branch(name, (void *)values[c][k], Form("%s[n%s]/F", name.Data(), names[c]));
    }
  }
  for (int i = 0; i < n_flags; i++) {
    tree.Branch(Form("HLT_Path%d_with_a_long_name", i), (void *)&flags[i], Form("HLT_Path%d_with_a_long_name/O", i))
        ->SetTitle("Trigger/flag bit (process: HLT)");
  }
  TRandom3 random(5);
  for (int e = 0; e < n_events; e++) {
    for (auto &flag : flags) flag = random.Uniform() < 0.05;
    for (auto &value : met) value = int(random.Exp(30) * 32) / 32.f;
    for (int c = 0; c < n_collections; c++) {
      counts[c] = std::min(most, int(random.Poisson(means[c])) + 150 * (c == 4 && e % 10 == 9));
      for (int k = 0; k < n_columns; k++) {
        for (int i = 0; i < counts[c]; i++) values[c][k][i] = int(random.Gaus(0, 1) * 1024) / 1024.f;
      }
    }
    tree.Fill();
  }
  tree.Write();
}
"""


_LINK = "ElementLink<DataVector<xAOD::Jet_v1> >"
XAOD = (
    *(
        "DataVector<xAOD::Jet_v1>",
        "xAOD::Jet_v1",
        "xAOD::AuxContainerBase",
        "Empty",
        "WithEmpty",
        "vector<Empty>",
        _LINK,
    ),
    *(f"vector<{_LINK} >", f"vector<vector<{_LINK} > >", "vector<vector<vector<int> > >", "vector<set<int> >"),
    *("map<string,vector<int> >", "vector<map<string,int> >", "vector<vector<bool> >"),
)
"""The classes of xaod.hxx that ROOT writes only with a dictionary."""


UNKNOWN = re.compile(
    r"^Char_t$|array<|<vector|RVec<ROOT::|RVec<(bool|Char_t|(std::)?string)>|Double32_t|Float16_t|TLorentzVector|TVector3"
)
"""Types that the interpreter has no dictionary of, or numpy no array."""


def plain(value):
    """A value of any type as lists, numbers and strings of Python."""
    if isinstance(value, str | int | float | bool):
        return value
    if type(value).__name__ in {"string", "basic_string<char>"}:
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return value.item()
    return [plain(item) for item in value]


def main() -> None:
    warnings.simplefilter("ignore")
    import ROOT

    if sys.argv[1] == "write":
        ROOT.gInterpreter.Declare(KINDS)
        ROOT.write_kinds(sys.argv[2], int(sys.argv[3]))
        return
    if sys.argv[1] == "wide":
        ROOT.gInterpreter.Declare(WIDE)
        ROOT.write_wide(sys.argv[2], *map(int, sys.argv[3:]))
        return
    if sys.argv[1] == "import":
        importer = ROOT.Experimental.RNTupleImporter.Create(*sys.argv[2:])
        importer.SetIsQuiet(True)
        importer.Import()
        return
    if sys.argv[1] == "odd":
        here, folder, n_events = Path(__file__).parent, Path(sys.argv[2]).resolve(), int(sys.argv[3])
        ROOT.gInterpreter.Declare((here / "odd.hxx").read_text())
        ROOT.write_odd(str(folder), n_events)
        ROOT.gInterpreter.AddIncludePath(str(here))
        with tempfile.TemporaryDirectory() as compiled, contextlib.chdir(compiled):
            ROOT.gInterpreter.GenerateDictionary(";".join(XAOD), "xaod.hxx")
            ROOT.gInterpreter.Declare('#include "xaod.hxx"')
            ROOT.write_xaod(str(folder / "xaod.root"), n_events, 3)
        return
    frame = ROOT.RDataFrame(sys.argv[3], sys.argv[2])
    names = sys.argv[4:] or list(map(str, frame.GetColumnNames()))
    names = [name for name in names if not UNKNOWN.search(frame.GetColumnType(name))]
    arrays = frame.AsNumpy(names)
    sys.stdout.write(json.dumps({name: [plain(value) for value in arrays[name]] for name in names}))


if __name__ == "__main__":
    main()
