"""Score a run: `python evaluate.py run=RUN_DIR [data=NAME data.root=DIR]`."""

from mtl_ase.entry_points.evaluate import main

if __name__ == "__main__":
    main()
