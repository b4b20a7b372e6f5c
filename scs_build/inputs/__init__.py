"""Inputs: what images are made from. One class per kind; rooms after this one name no kind."""
