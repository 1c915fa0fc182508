//! Korean and Japanese messages: texts with and without spaces between words.

use super::{Sample, message};
use crate::random::SplitMix;

const KOREAN: [&str; 12] = [
    "주문 {n}번이 접수되어 {w} 창고로 전달되었습니다",
    "사용자 {h}의 로그인 요청을 승인했습니다",
    "결제 승인 번호 {n} 확인 완료, {w} 지점 응답 {n}밀리초",
    "{w} 서비스 연결이 끊어져 {n}초 후 다시 시도합니다",
    "재고 수량이 {n}개 이하로 떨어졌습니다: 상품 {w}",
    "배송 상태가 변경되었습니다, 송장 {n}, 지역 {w}",
    "데이터베이스 조회가 {n}밀리초 걸렸습니다, 테이블 {w}",
    "검색어 {w}에 대한 결과 {n}건을 반환했습니다",
    "알림 메시지를 {w} 채널로 보냈습니다, 대기 {n}건",
    "파일 업로드 완료, 크기 {n}바이트, 폴더 {w}",
    "회원 등급이 {w} 등급으로 바뀌었습니다",
    "정산 작업 {h} 시작, 대상 {n}건",
];
const KOREAN_ENDINGS: [&str; 6] =
    ["", ", 남은 시도 {n}회", ", 처리 시간 {n}밀리초", ", 요청 식별자 {h}", ", 담당 서버 {w}", ", 다음 점검까지 {n}초"];
const KOREAN_WORDS: [&str; 24] = [
    "서울",
    "부산",
    "대구",
    "인천",
    "광주",
    "대전",
    "울산",
    "제주",
    "강남",
    "판교",
    "사과",
    "우유",
    "커피",
    "라면",
    "김치",
    "책상",
    "의자",
    "노트북",
    "휴대폰",
    "은행",
    "골드",
    "실버",
    "신규",
    "일반",
];
/// One record in two thousand, as the Japanese one.
const KOREAN_RARE: &str = "원장 불일치가 발견되었습니다: 계정 {n}, 차액 {n}원";

const JAPANESE: [&str; 12] = [
    "注文{n}を受け付け、{w}の倉庫に送りました",
    "利用者{h}のログインを許可しました",
    "決済が完了しました、承認番号{n}、店舗{w}",
    "{w}への接続が切れました。{n}秒後に再試行します",
    "在庫が{n}個を下回りました：商品「{w}」",
    "配送状況を更新しました、伝票{n}、地域{w}",
    "データベースの検索に{n}ミリ秒かかりました、テーブル{w}",
    "検索語「{w}」の結果{n}件を返しました",
    "通知を{w}チャンネルに送信しました、待ち{n}件",
    "ファイルのアップロードが完了しました、サイズ{n}バイト",
    "会員ランクが{w}に変わりました",
    "集計ジョブ{h}を開始しました、対象{n}件",
];
const JAPANESE_ENDINGS: [&str; 6] =
    ["", "、残り試行{n}回", "、処理時間{n}ミリ秒", "、要求識別子{h}", "、担当サーバー{w}", "、次の点検まで{n}秒"];
const JAPANESE_WORDS: [&str; 24] = [
    "東京",
    "大阪",
    "京都",
    "札幌",
    "福岡",
    "名古屋",
    "横浜",
    "神戸",
    "仙台",
    "広島",
    "りんご",
    "牛乳",
    "コーヒー",
    "ラーメン",
    "味噌",
    "机",
    "椅子",
    "パソコン",
    "スマートフォン",
    "銀行",
    "ゴールド",
    "シルバー",
    "新規",
    "一般",
];
const JAPANESE_RARE: &str = "元帳の不一致を検出しました：口座{n}、差額{n}円";

/// The templates of a language.
struct Language {
    openings: &'static [&'static str],
    endings: &'static [&'static str],
    words: &'static [&'static str],
    rare: &'static str,
}

static LANGUAGES: [Language; 2] = [
    Language { openings: &KOREAN, endings: &KOREAN_ENDINGS, words: &KOREAN_WORDS, rare: KOREAN_RARE },
    Language { openings: &JAPANESE, endings: &JAPANESE_ENDINGS, words: &JAPANESE_WORDS, rare: JAPANESE_RARE },
];

pub(super) fn fill(random: &mut SplitMix, sample: &mut Sample<'_>) {
    let Language { openings, endings, words, rare } = LANGUAGES[random.below(2) as usize];
    if random.per_mille(1) {
        message::fill(rare, words, random, &mut sample.message);
    } else {
        message::fill(random.pick(openings), words, random, &mut sample.message);
        message::fill(random.pick(endings), words, random, &mut sample.message);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{kind::CorpusKind, tests::corpus};

    #[test]
    fn half_of_the_messages_are_korean_and_half_japanese() {
        let corpus = corpus(CorpusKind::Cjk);
        let is_hangul = |letter: char| ('가'..='힣').contains(&letter);
        let is_japanese = |letter: char| ('ぁ'..='ヿ').contains(&letter) || ('一'..='鿿').contains(&letter);
        let (mut korean, mut rare) = (0, 0);
        for number in 0..20_000 {
            let message = corpus.sample(number).message;
            assert_ne!(message.contains(is_hangul), message.contains(is_japanese), "{message}");
            assert!((30..220).contains(&message.len()) && !message.contains(['{', '}']), "{message}");
            korean += u32::from(message.contains(is_hangul));
            rare += u32::from(message.contains("원장 불일치") || message.contains("元帳の不一致"));
        }
        assert!((9_500..10_500).contains(&korean) && (5..50).contains(&rare), "{korean} {rare}");
    }
}
