"""The ground floor: errors, atomic files, locks and numerics that every other package may use."""
