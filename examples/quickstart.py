import construction_zone as cz

gold = cz.Crystal.fcc("Au").with_zone_axis([1, 1, 0]).shifted([32, 32, 37])
carbon = cz.Amorphous("C", density=2.20)
particle = cz.Zone(cz.Ball(15, center=(32, 32, 37)), gold, name="particle")
film = cz.Zone(cz.Block.between((0, 0, 2), (64, 64, 22)), carbon, name="film", priority=1)
atoms = cz.Scene([particle, film], cell=(64, 64, 54)).atoms(seed=1)
waves = cz.simulate.exit_waves(atoms, energy=300e3, phonons=4, seed=1)
image = cz.Microscope(defocus=100, focal_spread=10, dose=400).image(waves, pixel_size=0.2, seed=1)
mask = cz.label.masks.projected(cz.build.variant(atoms, only=["particle"]), image.array.shape, image.pixel_size)
image.save("gold_on_carbon.png")
