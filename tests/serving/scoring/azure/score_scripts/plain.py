"""Loads a model with joblib and takes JSON, in the style of Azure ML's documentation."""

import json
import logging
import os

import joblib


def init():
    global model
    model_path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model.joblib")
    model = joblib.load(model_path)
    logging.info("Init complete")


def run(raw_data):
    logging.info("Request received")
    print("rows:", len(json.loads(raw_data)["data"]))
    data = json.loads(raw_data)["data"]
    result = [[sum(weight * value for weight, value in zip(model["weights"], row)) + model["bias"]] for row in data]
    logging.info("Request processed")
    return result
