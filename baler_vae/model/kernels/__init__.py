"""The loops in which coding under networks spends its time, compiled: they run without the interpreter, on as many
threads as there are row groups at hand.

A block of rows at a time goes from what a network sees (`seeing`) through its layers (`layers`) to sums of the weights
of symbols (`tables`), between which a coder finds symbols, or puts them (`coding`).

Floats of networks are whole numbers that no sum can round, so that neither the order in which sums are taken nor fused
operations nor the width of vectors change a bit.
"""
