// Draws each table of figures as a chart above it: both show the same numbers.
"use strict";

(() => {
  const ROWS_SHOWN = 20;
  const charts = [];

  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  function read(table, isRows) {
    const heads = [...table.querySelectorAll("th")];
    let rows = [...table.querySelectorAll("tbody tr")].map((row) => [...row.cells]);
    if (isRows) rows = rows.slice(0, ROWS_SHOWN);
    const series = heads.flatMap((head, column) =>
      head.dataset.drawn
        ? [{
            label: head.textContent,
            type: head.dataset.drawn,
            values: rows.map((cells) => Number(cells[column].dataset.value)),
            texts: rows.map((cells) => cells[column].textContent),
            isSeconds: head.classList.contains("seconds"),
          }]
        : [],
    );
    return { names: rows.map((cells) => cells[0].textContent), series };
  }

  function draw(canvas) {
    const isRows = canvas.dataset.chart === "y";
    const { names, series } = read(canvas.closest("section").querySelector("table"), isRows);
    const [text, line] = [variable("--subtle"), variable("--line")];
    const colours = { bar: variable("--accent"), line: variable("--busy") };
    const hasLine = series.some((one) => one.type === "line");
    if (isRows) canvas.parentElement.style.height = `${Math.max(120, 50 + 28 * names.length)}px`;
    // Two lines of seconds can be compared, and stand on one axis; tasks a day and tasks that remain on two.
    const hasSecondAxis = hasLine && !series.every((one) => one.isSeconds);
    const scale = (position, title, grid) => ({
      position,
      beginAtZero: true,
      title: { display: true, text: title, color: text },
      ticks: { color: text, precision: series[0].isSeconds ? undefined : 0 },
      grid: { color: line, drawOnChartArea: grid },
    });
    const amounts = isRows ? "x" : "y";
    const unit = series[0].isSeconds ? "s" : series[0].label;
    charts.push(
      new Chart(canvas, {
        data: {
          labels: names,
          datasets: series.map((one) => ({
            type: one.type,
            label: one.label,
            data: one.values,
            backgroundColor: colours[one.type],
            borderColor: colours[one.type],
            borderWidth: one.type === "line" ? 2 : 0,
            pointRadius: names.length > 20 ? 0 : 3,
            order: one.type === "line" ? 0 : 1,
            maxBarThickness: 36,
            [`${amounts}AxisID`]: one.type === "line" && hasSecondAxis ? "second" : amounts,
          })),
        },
        options: {
          indexAxis: isRows ? "y" : "x",
          animation: false,
          maintainAspectRatio: false,
          font: { family: getComputedStyle(document.body).fontFamily },
          interaction: { mode: "index", axis: isRows ? "y" : "x", intersect: false },
          scales: {
            [isRows ? "y" : "x"]: {
              ticks: {
                color: text,
                autoSkip: !isRows,
                maxRotation: 0,
                callback: (_, index) => shorten(names[index], canvas.clientWidth < 400 ? 14 : 24),
              },
              grid: { display: false },
            },
            [amounts]: scale(isRows ? "bottom" : "left", unit, true),
            ...(hasSecondAxis && { second: scale("right", series.find((one) => one.type === "line").label, false) }),
          },
          plugins: {
            legend: { display: series.length > 1, labels: { color: text } },
            tooltip: {
              callbacks: {
                label: (item) => `${item.dataset.label}: ${series[item.datasetIndex].texts[item.dataIndex]}`,
              },
            },
          },
        },
      }),
    );
  }

  function drawAll() {
    for (const chart of charts.splice(0)) chart.destroy();
    for (const canvas of document.querySelectorAll("canvas[data-chart]")) draw(canvas);
  }

  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
