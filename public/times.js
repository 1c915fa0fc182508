// Shows the times of a page in the zone of the browser. Without this script they are in UTC, and say so.
const two = (number) => String(number).padStart(2, "0");

for (const time of document.querySelectorAll("time[datetime]")) {
  // Browsers read at most three digits of a fraction for sure.
  const at = new Date(`${time.dateTime.slice(0, 23)}Z`);
  if (!Number.isNaN(at.getTime())) {
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    time.textContent = `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    time.title = time.dateTime;
  }
}
