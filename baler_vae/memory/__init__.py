"""Data in memory: dicts of arrays, data frames, awkward arrays, Arrow tables, trees and batches of them."""
