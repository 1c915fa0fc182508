update parts set damage = ?2, damage_reason = ?3 where path = ?1;
