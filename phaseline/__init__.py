"""Phaseline: takes a tested algorithm version to the website that shows it."""
