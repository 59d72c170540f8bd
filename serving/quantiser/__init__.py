"""Quantise an ONNX model to int8 and measure what that changed. Stands alone: it runs in an environment of its own.

Map::

    rows.py      calibration files → inputs by name, and labels if there are any
    model.py     static quantisation: QDQ, int8 weights and activations
    measure.py   how far answers moved, and how long a row takes
    __main__.py  one order: read, quantise, measure, judge, tell

It is started as ``python -m slipway_quantiser ORDER.json``, where onnx, onnxruntime and numpy are.
"""
