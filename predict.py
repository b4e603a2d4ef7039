"""Predict: `python predict.py run=RUN_DIR input=PHOTO output=DIR`; see docs/predict.md."""

from mtl_ase.entry_points.predict import main

if __name__ == "__main__":
    main()
