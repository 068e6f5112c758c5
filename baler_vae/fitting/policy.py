"""The numbers that decide how a codec is chosen, each with its reason and how it was found.

None of them is needed to read an archive. To change one changes the archives that are written, never those that were.
"Chosen by hand" means that no series of measurements stands behind it.
"""

# Samples. Codecs and choices are made on part of the rows where there are many.

SAMPLE_BYTES = 512 << 20
"""The most bytes of values that a codec is fitted on, about, however many rows are asked for: what a laptop can hold
in addition to the copies that fitting makes. Chosen by hand; not measured.
"""

SAMPLE_CHUNKS = 16
"""A sample is made of at least about this many chunks of events, so that it comes from all over the file, which may
change from one end to the other; more chunks cost more reading. Chosen by hand; not measured.
"""

TRIAL_ROWS = 16_384
"""Rows of a sample, about, on which kinds and orders are tried, so that trials take a small part of the time that the
fit of all rows takes. Chosen by hand; not measured.
"""

INFORMATION_ROWS = 4_096
"""Rows on which the information between columns is estimated. What chance adds, about (bins - 1)^2 / (2 n ln 2) bits,
is subtracted. Chosen by hand; not measured.
"""

FORMULA_ROWS = 4_096
"""Rows on which formulas are confirmed by the bits that they save. Chosen by hand; not measured."""

LARGEST_TRAINING_SET = 1 << 20
"""The most rows from which a network learns; its bits are counted on all rows. A training of 5,000 steps of 1,024 rows
sees about five times as many, so more would mostly cost memory: 2 bytes for each input of each row.
"""

# Which kinds and orders are tried.

LEAST_ROWS_FOR_AUTO = 256
"""Rows below which `auto` tries no network: it could never pay for its weights. A kind that was asked for is tried from
`LEAST_ROWS_FOR_NETWORKS` on. Chosen by hand; not measured.
"""

LEAST_ROWS_FOR_NETWORKS = 64
"""Rows below which no network is trained for columns that keep a bound, whatever was asked for: it could never pay for
its weights. Chosen by hand; not measured.
"""

LEAST_BITS_FOR_NETWORK = 2_000
"""Bits of a column up to which no network is trained for it, unless the settings keep all networks: there is too little
that it could save. Chosen by hand; not measured.
"""

MOST_COLUMNS_FOR_TRIALS = 64
"""Columns above which `auto` tries neither latents nor another order, and trials see all rows: a few latents could not
say much about so many columns, and trials would take most of the time. Chosen by hand; not measured.
"""

MANY_COLUMNS = 256
"""Columns of all groups of a file above which `auto` takes formulas and tables in context, and tries networks as well
only in groups that are large themselves, of more than so many columns and at least `LEAST_ROWS_IN_MANY_COLUMNS` rows,
and there neither latents nor another order. Networks, where they are asked for too, are trained only for columns about
which others tell something on a sample, and as many as half of the columns of the file no longer than `FULLY_TRAINED`:
a nanoAOD of 1,479 branches x 1,000 events took twelve minutes otherwise.
"""

LEAST_ROWS_IN_MANY_COLUMNS = 16_384
"""Rows below which `auto` tries no networks in a group of such a file, only tables in context, as in groups that have
no more columns than that themselves: a made nanoAOD of 947 branches and 200 events takes 1.4 % fewer bytes with these,
in half the time; a group of 1,500 columns and 20,000 rows 1 % more.
"""

LEAST_PROMISE = 1_000
"""Bits that another column, or the rank of the object, must tell of all rows of a column in such a file for it to get a
network: of 67 networks for a made nanoAOD of 200 events none of the 30 with less paid, and 23 of the others. What many
columns tell together does not count: most of the little that each of hundreds seems to tell is chance.
"""

MOST_EVENT_COLUMNS = 64
"""Columns of the events that networks of objects may see in such a file: each is looked at for every row of every
group. Chosen by hand; not measured.
"""

MOST_FOR_RANKS = 0.005
"""The part of the bits of a group in such a file that it may take to code its objects rank by rank. Networks that see
the object before need that, while pcodec sees the order of the file, in which momenta fall: sorted ones of generated
particles took 11.7 kB in their order and 18.5 kB rank by rank, of 109 kB in all.
"""

TRIAL_PART = 0.2
"""The part of the usual steps of training that trials of kinds and orders make: enough to rank kinds and orders, too
little to be used. Chosen by hand; not measured.
"""

TRIAL_EPOCHS = 6
"""Epochs of an encoder in such a trial. Chosen by hand; not measured."""

LEAST_ORDER_SAVING = 0.003
"""The part of the bytes that another order of columns must save after a brief training, to be looked at closely: less
can be the luck of a training. Chosen by hand; not measured.
"""

# Which columns networks see, and which get a network.

MOST_EXTRA_ON_GRID = 0.01
"""The part of its bits that a column may take more on a grid, where networks can see it, than without one. A column
that is seen has to stay on its grid: of degrees in radians under `exact`, where pcodec takes far less than a grid, this
costs more than networks that see them save (`tests/codec/test_networks.py`). The 1 % itself is chosen by hand; not
measured.
"""

HOPELESS_LOSS = 0.03
"""The part of the bytes by which networks with the latents of a VAE lose in a trial where those of an autoencoder are
not tried, which have not won a trial under a bound so far.
"""

LEAST_FORMULA_SAVING = 0.1
"""The part of a column's bits that a formula must save for the differences from it to be coded. Where it saves less,
the network of the column sees what the formula predicts instead. Chosen by hand; not measured.
"""

LEAST_CENTRING_SAVING = 0.01
"""The part of the bits of differences from a formula that cells centred on it must save: less is not worth the time.
Chosen by hand; not measured.
"""

LEAST_HINT_SAVING = -0.05
"""The part of a column's bits that a formula must save on a sample to be of any use. Negative, since what it predicts
may tell a network something even where differences from it save nothing. Chosen by hand; not measured.
"""

NEARLY_AS_MUCH = 0.75
"""Of the columns of one relation the last one follows from the others, where it saves at least this part of what the
best of them would: ntuples mostly hold what is derived behind what it is derived from. Chosen by hand; not measured.
"""

LARGEST_PARENTS = 16
"""The most columns that the network of a column sees, in its own row or in the objects before. Time grows with each of
them, and of few columns all are taken. Chosen by hand; not measured.
"""

NEAR_COLUMNS = 96
"""Columns are looked at as parents that lie within so many places of a column, or among the first so many: the time for
all pairs grows with the square of the number of columns. Chosen by hand; not measured.
"""

LEAST_INFORMATION = 0.002
"""In bits a row: columns that share less with a column are not its parents where there are more than `LARGEST_PARENTS`.
Chosen by hand; not measured.
"""

PARENT_BINS, TARGET_BINS = 12, 24
"""Bins of a parent and of a column itself in which their information is estimated, about equally full, and few enough
for `INFORMATION_ROWS`. Chosen by hand; not measured.
"""

ROWS_PER_RANK = 16
"""Objects are decoded rank by rank where networks see the object before: where ranks hold fewer rows than this on
average, that takes longer than it is worth. Chosen by hand; not measured.
"""

MOST_SPIKES = 2
"""The most single codes of a column for which networks get an input of their own. Chosen by hand; not measured."""

LEAST_SPIKE = 0.04
"""The part of the rows that must share a code for that. Chosen by hand; not measured."""

CONTEXT_RANGE_BITS = 24.0
"""The cost of a further range in the alphabets in which networks see columns: more ranges carry more information, and
make networks larger. Chosen by hand; not measured.
"""

# How networks are trained.

FULLY_TRAINED = 250
"""The most networks of a group that get all steps of training; more of them share as many, so that the time for tables
of thousands of columns stays bounded. Chosen by hand; not measured.
"""

TRAINED_AT_ONCE = 4
"""Networks that are trained as one batched product: twice as fast as one by one, as measured on two cores when this was
introduced. More of them would leave a core without work where columns are few.
"""

TRAINING_THREADS = 2
"""The most such products that are trained at the same time. Results do not depend on it. Chosen for machines with two
cores.
"""

CALIBRATIONS = 4
"""Rounds in which the biases of a network are set so that its symbols have their frequencies on average; the levels
after the fourth are those after the third, or next to them.
"""

CHUNK_ROWS = 65_536
"""Rows whose inputs are made at once when bits are counted: about 4 MB for 16 inputs. Results depend on it only in how
float64 sums of bits round.
"""

SHARED_NETWORK_BYTES = 200
"""About the bytes of a section of networks that all networks of a group share, which are not counted for each of them.
Chosen by hand; not measured.
"""

MOST_CELLS = 1 << 21
"""Cells of arrays in rows beyond which the grid and the table of a column are chosen by evenly spaced ones: 16 MB of
codes. Chosen by hand; not measured.
"""

# The cells of arrays.

CELLS_OF_SAMPLE = 1 << 21
"""Cells of arrays, about, on which the networks of a column of arrays are fitted: their codes take 16 MB, and a
training sees some of them. Chosen by hand; not measured.
"""

CELLS_OF_TRAINING = 1 << 18
"""The most cells that a network of cells learns from. A training of 5,000 steps of 1,024 sees each about 20 times."""

CELLS_OF_TRIAL = 1 << 16
"""Cells on which ways to predict cells are compared by a brief training. Chosen by hand; not measured."""

STEPS_OF_TRIAL = 250
"""Steps of that training. Chosen by hand; not measured."""

CELLS_OF_TAPS = (4_096, 16_384)
"""The least and the most cells on which the weights of predictors are found, and between them forty times as many as
there are weights.
"""

MOST_TAPS = 192
"""The most neighbours of which a predictor is a mean. On a flow of 60 x 50 x 50 values 220 left 0.3 bits a value less
than 62, which 0.5 kB of weights paid for.
"""

REWEIGHTINGS = 5
"""Rounds in which the scale of errors about each cell is found, and least squares in units of it. Chosen by hand; not
measured.
"""

LEAST_RESIDUAL = 0.01
"""The part of the median error that is added to each: an error of zero would count without limit."""

CELLS_OF_SCALES = 1 << 18
"""Cells among which the scale of errors is found. Chosen by hand; not measured."""

MOST_NEAR_CELLS = 16
"""The most neighbours of a cell that its network sees individually. Chosen by hand; not measured."""

LEAST_ROWS_FOR_LAGS = 4
"""Rows below which no row before is looked at. Chosen by hand; not measured."""

MOST_FROM_ROW_TO_ROW = 0.9
"""By what part of the distance of any two rows neighbouring rows may differ for those before to be looked at: images
that come in no order differ by all of it.
"""

LEAST_CELLS_FOR_LATENTS = 64
"""Cells of the arrays in a row below which `auto` does not try the latents of arrays. Chosen by hand; not measured."""

MOST_CELLS_FOR_LATENTS = 1 << 13
"""Cells above which it does not either, nor in fewer rows than `LEAST_ROWS_FOR_NETWORKS`: on five fields of 512 x 512
cells it took 6 GB and more time than everything else, and a few latents could not say much about so many cells.
"""

CELLS_OF_LATENTS = 1 << 18
"""Cells, about, on which they are tried: some hundred images. Chosen by hand; not measured."""

LEAST_LATENTS_SAVING = 0.01
"""The part of the bytes that the latents of arrays must save there, their own bytes counted: less can be the luck of a
training. Chosen by hand; not measured.
"""

TAPS_OF_SCALES = 40
"""The most neighbours of the predictor by whose errors that scale is found. Chosen by hand; not measured."""

BEST_RANGE_BITS = 10.0
"""The cost of a further range under `--effort best`. With `MOST_IN_FINE_RANGE` it makes the archive of the jets under
`bits:10` 0.27 % smaller in as much time; networks twice as wide that are trained twice as long, in four times the time,
0.13 %.
"""

MOST_IN_FINE_RANGE = 0.03
"""The most rows, as a part of all, in a range of several codes for columns of padded collections and cells of arrays:
the transverse momenta of constituents, which are nearly even on a logarithmic scale, had a single range otherwise, and
100,000 x 30 x 4 numbers under `bits:10` took 10 % more. For other columns it would change the archives of old inputs.
"""

NEIGHBOURS_OF_SCALES = 12
"""The neighbours whose mean error is the scale about a cell: fewer make scales a matter of chance."""

GUARDED_EVENTS = 1 << 16
"""The most events on which corrections are fitted: a table of some dozen moves needs no more."""
STEPS_OF_BOUND = (0.99, 0.6, 0.35, 0.2)
"""Steps of moves as parts of what a bound allows on both sides: what makes the fewest bytes is taken. Wide ones make
few different moves; where few quantities miss a bound that is wide beside what a column can move by, they move them
too far."""
LEAST_MOVABLE_SHARE = 0.02
"""The least share of the items that miss in which a value is the one that a quantity depends on most; others do not
move. Each value that may move takes a formula's evaluation. Chosen by hand; not measured."""
LEAST_CLASS_ITEMS = 400
"""The least items of a class of moves with a table of its own. Chosen by hand; not measured."""
CLASS_BITS = 0.1
"""The bits of an item that classes must save: they make readers evaluate the formula for items that do not move, too.
Pairs of muons within 1e-3 save just less, within 1e-4 0.3."""
PATCH_BITS = 21.0
"""About the bits of a patched value: 690 muons in 32,768 events under `bits:10`."""
CORRECTION_BITS = 3_000.0
"""About the bits that a correction takes by itself: what the manifest says of a mass of two, and tables."""

# Tables in context.

MOST_CONTEXT_RANGES = 63
"""The most ranges of an alphabet under tables in context, unless more of them say much more."""
CONTEXT_TABLE_RANGE_BITS = 20.0
"""The cost of a further range."""
LEAST_ALONE = 0.02
"""The part of the rows that must share a code for it to stand for itself where others are differences."""
MOST_ALONE = 4
LEAST_BASE_SAVING = 0.005
"""The part of its bits that a column must save under a table of its own for differences to be considered."""
LEAST_FACTOR_SAVING = 0.001
"""The part of its bits that a further factor must save."""
CLASSES_OF_FACTORS = ((64,), (32, 24), (20, 14, 10))
"""The classes of one factor, of two, and of three."""
BITS_OF_PLACES = 11
"""log2 of the places among which a factor finds a class: one look-up in a small table."""
MOST_CELLS_OF_TABLES = 2_048
"""Levels beyond which contexts cost nothing more when factors are chosen: they will share tables."""
BITS_OF_LEVEL = 4.5
"""About the bits of a level of a table in an archive."""
BITS_OF_TABLE = 40.0
"""About the bits of a table besides."""
PRIOR_ROWS_OF_TABLES = 4.0
"""The weight, in rows, of the common distribution that is added to the counts of a table."""
ROUNDS_OF_CLUSTERS = 12
LEAST_RANGES_SAVING = 0.004
"""The part of its bits that a column must save by more than `MOST_CONTEXT_RANGES` ranges."""

CONTEXT_ROWS = 1 << 15
"""Rows on which factors are chosen."""
FAST_SAMPLE_ROWS = 1 << 18
"""Rows of the largest group beyond which `--effort fast` fits on a sample."""
LEAST_BITS_FOR_CONTEXT = 8_000
"""Bits of a column up to which no context is looked for: there is too little that it could save."""
MOST_EXTRA_IN_CONTEXT = 0.002
"""The part of its bits that a column may take more under tables in context, whose kernels are faster than those of
other codings."""
BITS_OF_LANES = 360.0
"""About the bits of what a row group stores of a column in context beside its codes: the states of lanes."""
BITS_OF_CONTEXTS = 1_600.0
"""About the bits that an archive needs for the contexts of a group beside these: the entry and the names of codings."""
MOST_LOOKS = 16
"""The most columns that are looked at for the context of another, in the row and the object before."""
FEW_LOOKS = 6
"""The same in groups of very many columns, and of the columns of the events."""

ROWS_OF_WIDTHS = 4_096
"""Rows by which one of many columns is chosen from whose codes differences may be taken."""

# Arrays under tables that neighbours choose.

PREDICTIONS_TRIED = 2
"""Predictions by neighbours that are looked at closely, besides none: those under which one table takes the fewest
bits.
"""
PREDICTIONS_NEAR = 5
"""Predictions of which that is counted: those from which codes differ least."""
MOST_LORENZO_AXES = 3
"""The most axes, the rows among them, of a prediction by the corners of a box."""
TAPS_OF_SUMS = (6, 24)
"""The most neighbours of predictions by least squares, each of which takes time to decode."""
OFFSETS_OF_TAPS = 60
"""The nearest neighbours out of which these are taken."""
CELLS_OF_PLANS = 1 << 18
"""Cells on which predictions are compared."""
CELLS_OF_QUICK_TAPS = 1 << 16
"""Cells among which their weights are found."""
NEIGHBOURS_OF_MARKS = (6, 12)
"""The nearest neighbours whose marks are summed."""
SINGLE_MARKS = 4
"""The nearest neighbours whose marks are looked at by themselves, too."""
